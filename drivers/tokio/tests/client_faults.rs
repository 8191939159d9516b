//! The faults of the example of the same name, in small.

#[path = "../examples/client_faults.rs"]
#[allow(dead_code, unreachable_pub, reason = "it is an example, too")]
mod faults;

#[tokio::test]
async fn no_post_comes_twice_and_no_get_is_lost_that_need_not_be() {
    println!("{}", faults::flaky(7, 2_000, 16).await.expect("no violation"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_dropped_at_random_leak_no_place() {
    println!("{}", faults::dropped(7, 4_000, 32).await.expect("no violation"));
}
