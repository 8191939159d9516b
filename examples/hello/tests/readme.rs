//! The loop that the README shows is the one that runs.

const README: &str = include_str!("../../../README.md");

#[test]
fn the_loop_is_the_one_that_runs() {
    let (_, rest) = README.split_once("```rust,no_run\n").expect("the block");
    assert_eq!(rest.split_once("```\n").expect("its end").0, include_str!("../serve.rs"));
    assert_eq!(README.matches("```rust").count(), 1, "another block, compared with nothing");
}
