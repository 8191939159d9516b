//! x
fn main() { let w: http_keepalive_lab::settings::World = toml::from_str(&std::fs::read_to_string(std::env::args().nth(1).unwrap()).unwrap()).unwrap();
 let t = std::time::Instant::now();
 let o = http_keepalive_lab::simulation::run(&w, |_, _| ()).unwrap();
 for (n, v) in o.columns { println!("{n} {v:.3}"); } println!("{:?}", o.ends); eprintln!("{:?}", t.elapsed()); }
