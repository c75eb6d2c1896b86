//! The program `colloquy`: the server without extensions.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: colloquy_server::Allocator = colloquy_server::Allocator;

fn main() -> ExitCode {
    colloquy_server::builder().run()
}
