//! Contract of [`AssistantRepository`](crate::ports::AssistantRepository): pictures.

use colloquy_domain::{Assistant, AssistantId, Avatar, AvatarImage, AvatarKind, VerticalPosition};

use super::Stores;
use super::assistants::update;
use crate::ports::AssistantScope;
use crate::testing::samples::Samples;

async fn has_pictured(stores: &Stores, make: &Samples, kind: AvatarKind) -> Assistant {
    let mut assistant = make.assistant("Guide");
    assistant.avatar.image = Some(make.avatar_image(kind));
    stores.assistants.add(&assistant).await.unwrap();
    assistant
}

fn entry(assistant: &Assistant) -> (AssistantId, AvatarImage) {
    (assistant.id, assistant.avatar.image.clone().unwrap())
}

pub async fn every_kind_of_avatar_is_kept(stores: &Stores) {
    let make = Samples::new();
    for kind in AvatarKind::ALL {
        for position in [0, 1, VerticalPosition::MAX] {
            let mut assistant = make.assistant("Guide");
            assistant.avatar = Avatar {
                image: Some(make.avatar_image(*kind)),
                vertical_position: VerticalPosition::new(position).unwrap(),
                ..Avatar::default()
            };
            stores.assistants.add(&assistant).await.unwrap();
            let found = stores
                .assistants
                .get(&assistant.id.into(), &AssistantScope::All)
                .await
                .unwrap();
            assert_eq!(found.as_deref(), Some(&assistant));
        }
    }
}

pub async fn avatars_are_listed_by_assistant_in_pages(stores: &Stores) {
    let make = Samples::new();
    assert!(
        stores
            .assistants
            .avatars(None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let mut expected = Vec::new();
    for kind in AvatarKind::ALL {
        stores.has_assistant(&make, "Plain").await;
        expected.push(entry(&has_pictured(stores, &make, *kind).await));
    }
    stores.has_assistant(&make, "Plain").await;
    for limit in 1..=4 {
        let mut listed: Vec<(AssistantId, AvatarImage)> = Vec::new();
        loop {
            let after = listed.last().map(|(id, _)| *id);
            let page = stores.assistants.avatars(after, limit).await.unwrap();
            assert!(page.len() <= limit as usize, "{limit}");
            if page.is_empty() {
                break;
            }
            listed.extend(page);
        }
        assert_eq!(listed, expected, "{limit}");
    }
}

pub async fn only_the_avatars_in_use_are_listed(stores: &Stores) {
    let make = Samples::new();
    let replaced = has_pictured(stores, &make, AvatarKind::Png).await;
    let cleared = has_pictured(stores, &make, AvatarKind::Png).await;
    let deleted = has_pictured(stores, &make, AvatarKind::Png).await;
    let replacement = Assistant {
        avatar: Avatar {
            image: Some(make.avatar_image(AvatarKind::Jpeg)),
            ..Avatar::default()
        },
        revision: 2,
        ..replaced
    };
    update(&*stores.assistants, &replacement).await.unwrap();
    let without = Assistant {
        avatar: Avatar::default(),
        revision: 2,
        ..cleared
    };
    update(&*stores.assistants, &without).await.unwrap();
    stores.assistants.delete(deleted.id).await.unwrap();
    let listed = stores.assistants.avatars(None, 10).await.unwrap();
    assert_eq!(listed, [entry(&replacement)]);
}
