//! The hash function alone, the limit for rows with their own passwords.

use std::time::Instant;

use libsodium_rs::crypto_pwhash::argon2id;

/// The seconds to hash `count` passwords on all cores, with the server's default cost.
///
/// # Errors
/// A message: libsodium does not start, or refuses the cost.
pub fn seconds(count: u64) -> Result<f64, String> {
    libsodium_rs::ensure_init().map_err(|error| error.to_string())?;
    let cost = muster::passwords::rules::Settings::default();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let hash = |share: u64| {
        for number in 0..share {
            let password = format!("Own-Password-{number}");
            let memory = cost.memory_kib as usize * 1024;
            argon2id::pwhash_str(password.as_bytes(), cost.passes.into(), memory)
                .map_err(|error| error.to_string())?;
        }
        Ok::<(), String>(())
    };
    let began = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|core| scope.spawn(move || hash(count / cores + u64::from(core < count % cores))))
            .collect();
        for thread in threads {
            thread
                .join()
                .map_err(|_| "a thread panicked".to_owned())??;
        }
        Ok::<(), String>(())
    })?;
    Ok(began.elapsed().as_secs_f64())
}
