//! Start time.

use std::time::Instant;

use colloquy_tests::database::Backend;
use colloquy_tests::server::Colloquy;

use colloquy_tests::measure::memory::resident;

/// Time to readiness on an empty and a filled database, and idle memory.
pub(crate) async fn start(backend: Backend) {
    let site = Colloquy::installed(backend).await;
    let began = Instant::now();
    let mut server = site.serve().await;
    println!("first start to ready: {:?}", began.elapsed());
    for _ in 0..3 {
        server.kill9().await;
        let began = Instant::now();
        server.restart().await;
        println!("start after a kill to ready: {:?}", began.elapsed());
    }
    println!("idle: {} KiB", resident(&server));
}
