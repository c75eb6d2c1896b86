//! Lists: pages, links and their parameters.

use serde_json::Value;

use crate::support::{Answer, Api, Caller, members};

/// The target of the link with that relation, if any.
fn linked(answer: &Answer, relation: &str) -> Option<String> {
    let suffix = format!(">; rel=\"{relation}\"");
    let links = answer.headers.get_all("link").iter();
    let mut links = links.map(|link| link.to_str().unwrap());
    let target = links.find_map(|link| link.strip_suffix(&suffix))?;
    Some(target.strip_prefix('<').unwrap().to_owned())
}

fn next(answer: &Answer) -> Option<String> {
    linked(answer, "next")
}

/// Follows the links from `path`; returns all IDs and the number of pages.
async fn walk(api: &Api, caller: &Caller, path: &str) -> (Vec<String>, usize) {
    let mut path = Some(format!("/api/v1{path}"));
    let (mut ids, mut stretches) = (Vec::new(), 0);
    while let Some(target) = path {
        let answer = api
            .raw(axum::http::Method::GET, &target)
            .by(caller)
            .send()
            .await;
        let items = answer.ok(200);
        ids.extend(members(&items, "id").into_iter().map(str::to_owned));
        stretches += 1;
        path = next(&answer);
    }
    (ids, stretches)
}

fn ids(list: &Value) -> Vec<String> {
    members(list, "id").into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn links_lead_through_every_list_once() {
    let api = Api::new();
    let admin = api.admin().await;
    api.assistant(&admin, "guide").await;
    let mut thread = String::new();
    for _ in 0..7 {
        thread = api.thread(&admin).await;
    }
    for number in 0..4 {
        let text = format!("number {number}");
        api.ask(&admin, &thread, "guide", &text).await.ok(201);
    }
    for (path, stretches) in [
        ("/threads?limit=3".to_owned(), 3),
        ("/threads?limit=7".to_owned(), 1),
        ("/threads?order=created&limit=3".to_owned(), 3),
        ("/threads?owner=all&limit=2".to_owned(), 4),
        (format!("/threads/{thread}/messages?limit=3"), 3),
        (format!("/threads/{thread}/messages?order=desc&limit=3"), 3),
        (format!("/threads/{thread}/runs?limit=1"), 4),
    ] {
        let whole = path
            .split("limit")
            .next()
            .unwrap()
            .trim_end_matches(['?', '&']);
        let all = api.get(whole).by(&admin).send().await;
        assert_eq!(next(&all), None);
        let expected = (ids(&all.ok(200)), stretches);
        assert_eq!(walk(&api, &admin, &path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn links_of_messages_lead_back_as_well() {
    let api = Api::new();
    let admin = api.admin().await;
    api.assistant(&admin, "guide").await;
    let get = async |path: &str| {
        let call = api.raw(axum::http::Method::GET, path).by(&admin);
        call.send().await
    };
    for order in ["asc", "desc"] {
        let thread = api.thread(&admin).await;
        for text in ["one", "two", "three", "four"] {
            api.ask(&admin, &thread, "guide", text).await.ok(201);
        }
        let first = format!("/api/v1/threads/{thread}/messages?order={order}&limit=3");
        let mut pages = vec![get(&first).await];
        assert_eq!(linked(&pages[0], "prev"), None);
        while let Some(target) = next(pages.last().unwrap()) {
            pages.push(get(&target).await);
        }
        assert_eq!(pages.len(), 3, "{order}");
        let mut back = pages.pop().unwrap();
        for page in pages.iter().rev() {
            back = get(&linked(&back, "prev").unwrap()).await;
            assert_eq!(ids(&back.ok(200)), ids(&page.ok(200)), "{order}");
        }
        assert_eq!(linked(&back, "prev"), None);
        api.ask(&admin, &thread, "guide", "late").await.ok(201);
        let first = get(&first).await;
        assert_eq!(linked(&first, "prev"), None);
        let again = get(&next(&back).unwrap()).await;
        assert_eq!(ids(&again.ok(200)), ids(&pages[1].ok(200)), "{order}");
    }
}

#[tokio::test]
async fn orders_are_of_their_lists() {
    let api = Api::new();
    let admin = api.admin().await;
    let thread = api.thread(&admin).await;
    for path in [
        "/threads?order=asc".to_owned(),
        format!("/threads/{thread}/messages?order=created"),
    ] {
        let answer = api.get(&path).by(&admin).send().await;
        assert_eq!(answer.invalid_fields(), ["order unknown_value"]);
    }
}

#[tokio::test]
async fn a_link_keeps_the_other_parameters() {
    let api = Api::new();
    let admin = api.admin().await;
    api.thread(&admin).await;
    api.thread(&admin).await;
    let path = "/threads/?limit=1&owner=%61ll";
    let answer = api.get(path).by(&admin).send().await;
    let link = next(&answer).unwrap();
    let prefix = "/api/v1/threads?limit=1&owner=all&cursor=";
    assert!(link.starts_with(prefix), "{link}");
}

#[tokio::test]
async fn a_cursor_fits_only_the_list_that_gave_it() {
    let api = Api::new();
    let admin = api.admin().await;
    api.assistant(&admin, "guide").await;
    let one = api.thread(&admin).await;
    let other = api.thread(&admin).await;
    for thread in [&one, &other] {
        api.ask(&admin, thread, "guide", "one").await.ok(201);
        api.ask(&admin, thread, "guide", "two").await.ok(201);
    }
    let lists = [
        "/threads?".to_owned(),
        "/threads?order=created&".to_owned(),
        format!("/threads/{one}/messages?"),
        format!("/threads/{one}/runs?"),
        format!("/threads/{other}/messages?"),
        format!("/threads/{other}/runs?"),
    ];
    let get = async |list: &str, query: &str| {
        api.get(&format!("{list}limit=1{query}"))
            .by(&admin)
            .send()
            .await
    };
    for giver in &lists {
        let link = next(&get(giver, "").await).unwrap();
        let (_, cursor) = link.split_once("cursor=").unwrap();
        for taker in &lists {
            let answer = get(taker, &format!("&cursor={cursor}")).await;
            if giver == taker {
                answer.ok(200);
            } else {
                assert_eq!(answer.invalid_fields(), ["cursor invalid_format"]);
            }
        }
    }
    for garbage in ["", "x", "%00", "AAAA%3D%3D", "%ff"] {
        let answer = get("/threads?", &format!("&cursor={garbage}")).await;
        assert_eq!(answer.invalid_fields(), ["cursor invalid_format"]);
    }
}

#[tokio::test]
async fn limits_are_whole_numbers_from_1_to_1000() {
    let api = Api::new();
    let admin = api.admin().await;
    let thread = api.thread(&admin).await;
    for list in [
        "/assistants".to_owned(),
        "/users".to_owned(),
        "/threads".to_owned(),
        format!("/threads/{thread}/messages"),
        format!("/threads/{thread}/runs"),
    ] {
        let get = async |limit: &str| {
            let path = format!("{list}?limit={limit}");
            api.get(&path).by(&admin).send().await
        };
        for limit in ["1", "1000", "007"] {
            get(limit).await.ok(200);
        }
        for limit in [
            "0",
            "-1",
            "1001",
            "99999999999999999999999",
            "-99999999999999999999999",
        ] {
            assert_eq!(get(limit).await.invalid_fields(), ["limit out_of_range"]);
        }
        for limit in ["", "ten", "1.5", "1e2", "%00", "0x10"] {
            assert_eq!(get(limit).await.invalid_fields(), ["limit wrong_type"]);
        }
    }
}

#[tokio::test]
async fn skip_is_any_whole_number_from_0_on() {
    let api = Api::new();
    let admin = api.admin().await;
    for list in ["/assistants", "/users"] {
        let get = async |query: &str| {
            let path = format!("{list}?{query}");
            api.get(&path).by(&admin).send().await
        };
        for skip in ["1000", "9223372036854775807", "99999999999999999999999"] {
            let answer = get(&format!("skip={skip}")).await;
            assert_eq!(members(&answer.ok(200), "id"), [] as [&str; 0]);
        }
        let both = get("skip=-1&limit=0").await;
        assert_eq!(
            both.invalid_fields(),
            ["limit out_of_range", "skip out_of_range"]
        );
        let wrong = get("skip=first").await;
        assert_eq!(wrong.invalid_fields(), ["skip wrong_type"]);
        get("skip=0").await.ok(200);
    }
}

#[tokio::test]
async fn bad_filters_of_threads_are_named() {
    let api = Api::new();
    let admin = api.admin().await;
    let path = "/threads?owner=nobody&assistant_id=no%20reference&limit=0&cursor=x";
    let answer = api.get(path).by(&admin).send().await;
    assert_eq!(
        answer.invalid_fields(),
        [
            "assistant_id invalid_format",
            "cursor invalid_format",
            "limit out_of_range",
            "owner invalid_format",
        ]
    );
}
