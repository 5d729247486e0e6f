//! Everything at once, by chance. `SOAK_SEED` repeats a run, `SOAK_SECONDS` makes it longer.

use std::env;
use std::time::{Duration, Instant};

use esmed::sim::Mute;

use crate::support::audit::queue;
use crate::support::{Daemon, World};

/// A small generator, so that a seed always chooses the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

fn setting(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

#[tokio::test]
async fn soak() {
    let seed = setting("SOAK_SEED").unwrap_or_else(|| {
        let now = std::time::UNIX_EPOCH.elapsed().expect("a clock");
        u64::from(now.subsec_nanos()) | 1
    });
    let length = Duration::from_secs(setting("SOAK_SECONDS").unwrap_or(20));
    println!("SOAK_SEED={seed}");
    let mut dice = Dice(seed);
    let mut world = World::with(|behaviour| {
        behaviour.redelivery_attempts = 100_000;
        behaviour.response_delay = Duration::from_millis(30);
    })
    .await;
    world
        .enable_sim(
            ", esme_window_size, esme_max_submission_attempts, esme_registered_delivery, smpp_response_timer,
             smpp_enquire_link_timer, smpp_session_init_timer, esme_retry_delay",
            ", 40, 1000, TRUE, 1, 1, 1, 0.2",
        )
        .await;
    let config = world.config("soak", "drain_timeout = 2");
    let mut daemon = Daemon::start(&config, "soak");
    let mut last = 0;
    let end = Instant::now() + length;
    while Instant::now() < end {
        let count = 20 + u32::try_from(dice.below(300)).unwrap();
        world.sql(&queue(last..last + count)).await;
        last += count;
        if !daemon.is_running() {
            // A start needs the database.
            daemon = Daemon::start(&config, "soak");
        }
        match dice.below(9) {
            0 => drop(world.sim.drop_connections()),
            1 => drop(world.sim.unbind_all()),
            2 => {
                let mute = match dice.below(4) {
                    0 => Mute {
                        all: true,
                        ..Mute::default()
                    },
                    1 => Mute {
                        submits: true,
                        ..Mute::default()
                    },
                    2 => Mute {
                        enquire_links: true,
                        ..Mute::default()
                    },
                    _ => Mute {
                        binds: true,
                        ..Mute::default()
                    },
                };
                world.sim.behave(|behaviour| behaviour.mute = mute);
                tokio::time::sleep(Duration::from_millis(dice.below(2500))).await;
                world
                    .sim
                    .behave(|behaviour| behaviour.mute = Mute::default());
            }
            3 | 4 => {
                if dice.below(2) == 0 {
                    world.cluster.stop().await;
                } else {
                    world.cluster.stop_fast().await;
                }
                tokio::time::sleep(Duration::from_millis(dice.below(1500))).await;
                world.cluster.start_again().await;
                world.reconnect().await;
            }
            5 => {
                daemon.kill();
                daemon = Daemon::start(&config, "soak");
            }
            6 => {
                // 1 where the database came back too late for it.
                assert!(matches!(daemon.stop().await, Some(0 | 1)));
                daemon = Daemon::start(&config, "soak");
            }
            7 => {
                world
                    .sql(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                         WHERE usename = 'esmed' AND random() < 0.5",
                    )
                    .await;
            }
            _ => {
                let window = 1 + dice.below(60);
                world
                    .sql(&format!(
                        "UPDATE smpp_servers SET esme_window_size = {window}"
                    ))
                    .await;
                // The waits between failed binds grow; this begins them anew.
                world.connect_anew().await;
            }
        }
        tokio::time::sleep(Duration::from_millis(dice.below(600))).await;
    }
    println!("{last} messages, {} submits", world.sim.ledger().count());
    if !daemon.is_running() {
        daemon = Daemon::start(&config, "soak");
    }
    world
        .sql("UPDATE smpp_servers SET esme_window_size = 40")
        .await;
    world
        .sim
        .behave(|behaviour| behaviour.response_delay = Duration::ZERO);
    world.connect_anew().await;
    let audit = world.all_sent(last).await;
    println!("{audit:?}");
    world
        .until("SELECT bool_and(smpp_message_state = 'DELIVERED') FROM smpp_tx_queue")
        .await;
    assert_eq!(daemon.stop().await, Some(0));
    world.audit().await;
}
