//! A fair lock: the writer thread and short transactions write in the order in which they arrive.
//!
//! SQLite itself makes a second writer retry for a while and then fail. Within this process no
//! write fails because of another one, however long a batch or an undo takes.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A ticket lock: numbers are drawn, and called in order.
#[derive(Debug, Default)]
pub(super) struct Turns {
    numbers: Mutex<Numbers>,
    called: Condvar,
}

#[derive(Debug, Default)]
struct Numbers {
    drawn: u64,
    current: u64,
}

/// The right to write; dropping it calls the next number.
pub(super) struct Turn<'t>(&'t Turns);

impl Turns {
    /// Waits for the right to write.
    pub(super) fn wait(&self) -> Turn<'_> {
        let mut numbers = self.numbers();
        let mine = numbers.drawn;
        numbers.drawn += 1;
        drop(
            self.called
                .wait_while(numbers, |numbers| numbers.current != mine)
                .unwrap_or_else(PoisonError::into_inner),
        );
        Turn(self)
    }

    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.numbers().current += 1;
        self.0.called.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    #[test]
    fn writers_take_turns_in_order() {
        let (turns, inside) = (Arc::new(Turns::default()), Arc::new(AtomicBool::new(false)));
        let done = Arc::new(AtomicU32::new(0));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (turns, inside) = (Arc::clone(&turns), Arc::clone(&inside));
                let done = Arc::clone(&done);
                std::thread::spawn(move || {
                    for _ in 0..500 {
                        let turn = turns.wait();
                        assert!(!inside.swap(true, Ordering::SeqCst), "two at once");
                        done.fetch_add(1, Ordering::SeqCst);
                        inside.store(false, Ordering::SeqCst);
                        drop(turn);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(done.load(Ordering::SeqCst), 2_000);
        // A waiting thread goes before one that has just written.
        let first = turns.wait();
        let waiting = Arc::clone(&turns);
        let other = std::thread::spawn(move || {
            let turn = waiting.wait();
            std::thread::sleep(std::time::Duration::from_millis(50));
            drop(turn);
        });
        let in_line = || {
            let numbers = turns.numbers();
            numbers.drawn - numbers.current
        };
        while in_line() < 2 {
            std::thread::yield_now();
        }
        drop(first);
        let began = std::time::Instant::now();
        drop(turns.wait());
        assert!(began.elapsed().as_millis() >= 40);
        other.join().unwrap();
    }
}
