//! What always holds of a world, whatever its settings: nothing is lost in silence, and the same seed gives the same digits.

use http_keepalive::presets;
use http_keepalive_lab::settings::World;
use http_keepalive_lab::simulation::{measures::Outcome, run};
use proptest::prelude::*;

/// A client of history or of today of which all is known, or what is not is completed.
fn clients() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "preset = 'rfc2616-client'",
        "preset = 'chromium'",
        "preset = 'firefox-2'",
        "preset = 'firefox'",
        "preset = 'curl'",
        "preset = 'go-transport'",
        "preset = 'aws-alb'",
        "preset = 'crate-default'",
        "preset = 'haproxy-back'",
        "preset = 'netscape-4'\nrepeats = 'idempotent'\nlimits.per_origin = 4\nlimits.per_proxy = 4",
        "preset = 'opera-9'\nrepeats = 'any'\ntimeouts.used_idle = 'off'\nlimits.per_proxy = 4",
        "preset = 'crate-default'\ndepth = 4",
        "preset = 'firefox-3'\ndepth = 8\nrepeats = 'any'",
        "preset = 'crate-default'\nasks = 'off'\nlimits.total = 3",
    ])
    .prop_map(str::to_owned)
}

fn servers() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "apache-2.0",
        "apache-2.2",
        "apache-2.4",
        "nginx",
        "node",
        "crate-default",
        "go-server",
        "gunicorn",
    ])
}

prop_compose! {
    fn worlds()(
        client in clients(), rival in prop::option::of(clients()), proxy in prop::option::of(clients()), server in servers(),
        (seed, users, pages, sites) in (0..1000_u32, 1..12_u32, 1..4_u32, 1..4_u32),
        (parts, part, sigma, posts) in (0..20_u32, 1..40_000_u32, 0..3_u32, 0..60_u32),
        (round_trip, down, shared, buffer) in (1..300_u32, 50_000..20_000_000_u64, 100_000..20_000_000_u64, 3_000..100_000_u64),
        (window, train, cold, http10) in (1..12_u32, 1..20_u32, any::<bool>(), any::<bool>()),
        (processes, places, backlog, yields) in (any::<bool>(), 1..12_u32, 0..8_u32, any::<bool>()),
        (service, cores, think, patience) in (0..200_u32, 1..4_u32, 0..20_000_u32, prop::option::of(1..30_u32)),
        (restart, drain, lame, idle, max) in (prop::option::of(2..20_u32), 0..3_u32, any::<bool>(), 1..20_u32, prop::option::of(1..9_u32)),
    ) -> String {
        let or_off = |number: Option<u32>, unit: &str| number.map_or("'off'".to_owned(), |number| format!("'{number}{unit}'"));
        let rival = rival.filter(|_| proxy.is_none()).map_or(String::new(), |rival| format!("[rival]\n{rival}\n"));
        let proxy = proxy.map_or(String::new(), |client| {
            format!("[proxy]\nround_trip = '5ms'\nserver = {{ preset = 'crate-default' }}\n[proxy.client]\n{client}\n")
        });
        format!(
            "seed = {seed}\nprotocol = '{protocol}'\n
            [users]\ncount = {users}\nwithin = '5s'\npages = {pages}\nthink = '{think}ms'\npatience = {patience}\nsites = {sites}\n
            [page]\nparts = {parts}\npart = {part}\npart_sigma = {sigma}\nposts = {posts}\n
            [network]\nround_trip = '{round_trip}ms'\ndown = {down}\nshared = {shared}\nshared_buffer = {buffer}
            initial_window = {window}\ntrain = {train}\ncold_after_idle = {cold}\nreceive_window = 65535\n
            [machine]\nworkers = '{workers}'\nplaces = {places}\nbacklog = {backlog}\nidle_yields = {yields}\nservice = '{service}ms'
            cores = {cores}\nrestart = {restart}\nsend_buffer = 20000\n
            [server]\npreset = '{server}'\ntimeouts.idle = '{idle}s'\ntimeouts.drain_window = '{drain}s'
            policy.drain_mode = '{mode}'\nlimits.max_exchanges = {max}\n
            [client]\n{client}\n{rival}{proxy}",
            protocol = if http10 { "1.0" } else { "1.1" },
            workers = if processes { "processes" } else { "event-loop" },
            patience = or_off(patience, "s"),
            restart = or_off(restart, "s"),
            mode = if lame { "lame-duck" } else { "close" },
            max = max.map_or("'off'".to_owned(), |max| max.to_string()),
        )
    }
}

fn world(text: &str) -> World {
    toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What holds of every outcome; the run itself asserts at its end that all connections, places, leases and waiters are accounted for.
fn holds(outcome: &Outcome, world: &World) {
    let value = |name: &str| outcome.value(name).expect("a column");
    assert_eq!(value("users"), f64::from(world.users.count));
    assert_eq!(value("pages") + value("pages_failed"), f64::from(world.users.count * world.users.pages));
    assert_eq!(value("requests"), value("responses") + value("unanswered"));
    assert_eq!(value("unanswered"), value("repeated") + value("lost"));
    if let Some(places) = world.machine.places.and_then(|places| places.0) {
        assert!(value("places_most") <= places as f64);
    }
    assert!(value("places_idle_mean") <= value("places_mean") + 1e-9);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_in_silence(text in worlds()) {
        let world = world(&text);
        let outcome = run(&world, |_, _| ()).expect("the settings are good");
        holds(&outcome, &world);
    }

    #[test]
    fn the_same_seed_gives_the_same_digits(text in worlds()) {
        let world = world(&text);
        prop_assert_eq!(run(&world, |_, _| ()), run(&world, |_, _| ()));
    }
}

/// A pool for all users, by keys, decides for each as one of the user's own would.
#[test]
fn a_pool_for_all_is_as_a_pool_for_each() {
    for preset in ["firefox-2", "chromium", "rfc2616-client"] {
        let text = |limits: &str| format!("[client]\npreset = '{preset}'\n{limits}\n[users]\ncount = 30\nsites = 2");
        // a bound of all idle connections together, which is never met, has each user have a pool of its own
        let (shared, own) = (world(&text("")), world(&text("limits.idle_total = 1000")));
        let outcomes = [shared, own].map(|world| run(&world, |_, _| ()).expect("the settings are good"));
        let but_events = |outcome: &Outcome| {
            outcome.columns.iter().copied().filter(|column| column.0 != "events").collect::<Vec<_>>()
        };
        assert_eq!(but_events(&outcomes[0]), but_events(&outcomes[1]), "{preset}");
    }
}

#[test]
fn each_known_preset_runs() {
    for name in presets::clients() {
        if presets::client(name).is_some_and(|preset| preset.unknown.is_empty()) {
            run(&world(&format!("client.preset = '{name}'\nusers.count = 3")), |_, _| ()).expect(name);
        }
    }
    for name in presets::servers() {
        if presets::server(name).is_some_and(|preset| preset.unknown.is_empty()) {
            run(&world(&format!("server.preset = '{name}'\nusers.count = 3")), |_, _| ()).expect(name);
        }
    }
}
