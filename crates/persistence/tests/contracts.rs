//! The contracts of the ports, on both databases.

mod support;

mod sqlite {
    use colloquy_application::testing::contracts::Stores;

    use crate::support::{self, Place};

    async fn stores() -> Option<(Stores, Place)> {
        let place = support::sqlite();
        let database = place.migrated().await;
        Some((support::stores(&database), place))
    }

    colloquy_application::user_contracts!(stores);
    colloquy_application::token_contracts!(stores);
}

mod postgres {
    use colloquy_application::testing::contracts::Stores;

    use crate::support::{self, Place};

    async fn stores() -> Option<(Stores, Place)> {
        let place = support::postgres().await?;
        let database = place.migrated().await;
        Some((support::stores(&database), place))
    }

    colloquy_application::user_contracts!(stores);
    colloquy_application::token_contracts!(stores);
}
