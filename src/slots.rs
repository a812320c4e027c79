//! A bounded number of slots, shared fairly by groups and their members.
//!
//! Requests of organizations and operators, and logins from addresses to accounts, wait here without a thread.
//! A free slot goes to the group that was served least recently, in that group to the member that was served
//! least recently, and for that member to the oldest request.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// The number of slots, and the limits on who may hold them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Total number of slots.
    pub total: usize,
    /// Slots per group.
    pub group: usize,
    /// Slots per member of a group.
    pub member: usize,
    /// Maximum number of waiting requests.
    pub waiting: usize,
}

/// The slots.
#[derive(Clone)]
pub struct Slots {
    shared: Arc<Shared>,
}

/// No slot became free in time, or too many requests are waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSlot;

/// A slot, held until the value is dropped.
pub struct Slot {
    /// `None` once the slot was released.
    shared: Option<Arc<Shared>>,
    group: Arc<str>,
    member: Arc<str>,
}

struct Shared {
    limits: Limits,
    state: Mutex<SlotTable>,
}

#[derive(Default)]
struct SlotTable {
    held: usize,
    waiting: usize,
    /// Counts arrivals, grants and releases. A smaller number is older.
    turn: u64,
    groups: HashMap<Arc<str>, Group>,
}

struct Group {
    held: usize,
    served: u64,
    members: HashMap<Arc<str>, Member>,
}

struct Member {
    held: usize,
    served: u64,
    waiting: VecDeque<oneshot::Sender<Slot>>,
}

impl Slots {
    /// Creates slots with these limits.
    pub fn new(limits: Limits) -> Self {
        let state = Mutex::default();
        Slots {
            shared: Arc::new(Shared { limits, state }),
        }
    }

    /// Takes a slot for `member` of `group`, waiting at most `wait`.
    ///
    /// # Errors
    /// No slot became free, or too many requests are waiting.
    pub async fn take(&self, group: &str, member: &str, wait: Duration) -> Result<Slot, NoSlot> {
        let (group, member): (Arc<str>, Arc<str>) = (group.into(), member.into());
        let place = {
            let mut state = self.shared.lock();
            if state.may_take(self.shared.limits, &group, &member) {
                state.grant(&group, &member);
                return Ok(self.shared.slot(&group, &member));
            }
            if wait.is_zero() || state.waiting >= self.shared.limits.waiting {
                return Err(NoSlot);
            }
            state.wait(&group, &member)
        };
        // Removes the request from the queue on every path, also when its future is dropped.
        let mut waiting = Waiting {
            shared: &self.shared,
            place: Some(place),
            group,
            member,
        };
        let Some(place) = waiting.place.as_mut() else {
            return Err(NoSlot);
        };
        match tokio::time::timeout(wait, place).await {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(_)) | Err(_) => Err(NoSlot),
        }
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slots({:?})", self.shared.limits)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot")
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            let mut state = shared.lock();
            state.release(&self.group, &self.member);
            shared.serve(&mut state);
        }
    }
}

/// A waiting request. Dropping it removes it from the queue.
struct Waiting<'s> {
    shared: &'s Shared,
    place: Option<oneshot::Receiver<Slot>>,
    group: Arc<str>,
    member: Arc<str>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // A slot that was granted but not taken is released here, before the lock is taken.
        drop(self.place.take());
        self.shared.lock().leave(&self.group, &self.member);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, SlotTable> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(self: &Arc<Self>, group: &Arc<str>, member: &Arc<str>) -> Slot {
        Slot {
            shared: Some(Arc::clone(self)),
            group: Arc::clone(group),
            member: Arc::clone(member),
        }
    }

    /// Grants free slots to the next requests in turn.
    fn serve(self: &Arc<Self>, state: &mut SlotTable) {
        while let Some((group, member)) = state.next(self.limits) {
            let Some(place) = state.first(&group, &member) else {
                return;
            };
            state.grant(&group, &member);
            if let Err(mut slot) = place.send(self.slot(&group, &member)) {
                // The request was dropped. The lock is held here, so the slot must not release itself.
                slot.shared = None;
                state.release(&group, &member);
            }
        }
    }
}

impl SlotTable {
    fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    /// Whether a slot is free for this member. If requests are waiting while a slot is free, their members or groups
    /// are at their limits.
    fn may_take(&self, limits: Limits, group: &str, member: &str) -> bool {
        let found = self.groups.get(group);
        let in_group = found.map_or(0, |group| group.held);
        let own = found
            .and_then(|group| group.members.get(member))
            .map_or(0, |member| member.held);
        self.held < limits.total && in_group < limits.group && own < limits.member
    }

    fn member(&mut self, group: &Arc<str>, member: &Arc<str>) -> &mut Member {
        let turn = self.next_turn();
        let group = self.groups.entry(Arc::clone(group)).or_insert(Group {
            held: 0,
            served: turn,
            members: HashMap::new(),
        });
        group.members.entry(Arc::clone(member)).or_insert(Member {
            held: 0,
            served: turn,
            waiting: VecDeque::new(),
        })
    }

    fn grant(&mut self, group: &Arc<str>, member: &Arc<str>) {
        self.held += 1;
        let turn = self.next_turn();
        let found = self.member(group, member);
        found.held += 1;
        found.served = turn;
        if let Some(group) = self.groups.get_mut(group) {
            group.held += 1;
            group.served = turn;
        }
    }

    fn release(&mut self, group: &str, member: &str) {
        self.held = self.held.saturating_sub(1);
        let turn = self.next_turn();
        if let Some(group) = self.groups.get_mut(group) {
            group.held = group.held.saturating_sub(1);
            group.served = turn;
            if let Some(member) = group.members.get_mut(member) {
                member.held = member.held.saturating_sub(1);
                member.served = turn;
            }
        }
        self.tidy(group, member);
    }

    fn wait(&mut self, group: &Arc<str>, member: &Arc<str>) -> oneshot::Receiver<Slot> {
        let (grant, place) = oneshot::channel();
        self.waiting += 1;
        self.member(group, member).waiting.push_back(grant);
        place
    }

    /// Removes this member's requests that no longer wait.
    fn leave(&mut self, group: &str, member: &str) {
        let found = self.groups.get_mut(group);
        if let Some(found) = found.and_then(|group| group.members.get_mut(member)) {
            let before = found.waiting.len();
            found.waiting.retain(|place| !place.is_closed());
            self.waiting -= before - found.waiting.len();
        }
        self.tidy(group, member);
    }

    fn first(&mut self, group: &str, member: &str) -> Option<oneshot::Sender<Slot>> {
        let found = self.groups.get_mut(group)?.members.get_mut(member)?;
        let place = found.waiting.pop_front()?;
        self.waiting -= 1;
        Some(place)
    }

    /// Removes a member, and a group, that has neither slots nor requests.
    fn tidy(&mut self, group: &str, member: &str) {
        let Some(found) = self.groups.get_mut(group) else {
            return;
        };
        if found
            .members
            .get(member)
            .is_some_and(|member| member.held == 0 && member.waiting.is_empty())
        {
            found.members.remove(member);
        }
        if found.members.is_empty() {
            self.groups.remove(group);
        }
    }

    /// The group and member to serve next, if a slot is free for a waiting request.
    fn next(&self, limits: Limits) -> Option<(Arc<str>, Arc<str>)> {
        if self.held >= limits.total || self.waiting == 0 {
            return None;
        }
        let open = |member: &Member| !member.waiting.is_empty() && member.held < limits.member;
        let (group, found) = self
            .groups
            .iter()
            .filter(|(_, group)| group.held < limits.group && group.members.values().any(open))
            .min_by_key(|(_, group)| group.served)?;
        let (member, _) = found
            .members
            .iter()
            .filter(|(_, member)| open(member))
            .min_by_key(|(_, member)| member.served)?;
        Some((Arc::clone(group), Arc::clone(member)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn slots(total: usize, group: usize, member: usize) -> Slots {
        Slots::new(Limits {
            total,
            group,
            member,
            waiting: 100,
        })
    }

    fn run<T>(test: impl Future<Output = T>) -> T {
        actix_web::rt::System::new().block_on(test)
    }

    #[test]
    fn neither_a_group_nor_a_member_can_take_all_slots() {
        run(async {
            let slots = slots(4, 3, 2);
            let now = Duration::ZERO;
            let a = slots.take("acme", "ann", now).await.unwrap();
            let _b = slots.take("acme", "ann", now).await.unwrap();
            assert_eq!(slots.take("acme", "ann", now).await.unwrap_err(), NoSlot);
            let _c = slots.take("acme", "bob", now).await.unwrap();
            assert_eq!(slots.take("acme", "cid", now).await.unwrap_err(), NoSlot);
            let _d = slots.take("other", "ann", now).await.unwrap();
            assert_eq!(slots.take("third", "ann", now).await.unwrap_err(), NoSlot);
            drop(a);
            let _e = slots.take("third", "ann", now).await.unwrap();
            assert_eq!(slots.shared.lock().held, 4);
        });
    }

    #[test]
    fn groups_and_their_members_are_served_in_turn() {
        run(async {
            let slots = slots(1, 1, 1);
            let first = slots.take("loud", "a", LONG).await.unwrap();
            let order = Arc::new(Mutex::new(Vec::new()));
            let requests = [
                ("loud", "a"),
                ("loud", "a"),
                ("loud", "b"),
                ("quiet", "c"),
                ("loud", "a"),
            ];
            let tasks: Vec<_> = requests
                .into_iter()
                .map(|(group, member)| {
                    let (slots, order) = (slots.clone(), Arc::clone(&order));
                    actix_web::rt::spawn(async move {
                        let slot = slots.take(group, member, LONG).await.unwrap();
                        order.lock().unwrap().push(member);
                        drop(slot);
                    })
                })
                .collect();
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(first);
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(*order.lock().unwrap(), ["c", "b", "a", "a", "a"]);
            assert_eq!(slots.shared.lock().held, 0);
        });
    }

    #[test]
    fn dropped_request_releases_its_slot_and_its_place() {
        run(async {
            let slots = slots(1, 1, 1);
            let held = slots.take("g", "m", LONG).await.unwrap();
            let short = Duration::from_millis(10);
            assert_eq!(slots.take("g", "n", short).await.unwrap_err(), NoSlot);
            let other = slots.clone();
            let aborted = actix_web::rt::spawn(async move { other.take("h", "m", LONG).await });
            tokio::time::sleep(short).await;
            aborted.abort();
            assert!(aborted.await.is_err());
            drop(held);
            let state = slots.shared.lock();
            assert_eq!((state.held, state.waiting, state.groups.len()), (0, 0, 0));
        });
    }

    #[test]
    fn requests_above_the_queue_limit_are_refused() {
        run(async {
            let slots = Slots::new(Limits {
                total: 1,
                group: 1,
                member: 1,
                waiting: 1,
            });
            let _held = slots.take("g", "m", LONG).await.unwrap();
            let other = slots.clone();
            let waiting = actix_web::rt::spawn(async move { other.take("g", "m", LONG).await });
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert_eq!(slots.take("g", "m", LONG).await.unwrap_err(), NoSlot);
            waiting.abort();
        });
    }
}
