//! Makes `http_keepalive.h` from `src/lib.rs`. It is kept with the source, for those who read it; a build changes it only where it is not
//! as it should be.

use std::{env, error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src/lib.rs");
    println!("cargo::rerun-if-changed=cbindgen.toml");
    println!("cargo::rerun-if-changed=http_keepalive.h");
    let folder = env::var("CARGO_MANIFEST_DIR")?;
    cbindgen::generate(&folder)?.write_to_file(Path::new(&folder).join("http_keepalive.h"));
    Ok(())
}
