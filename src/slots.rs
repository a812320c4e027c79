//! A bounded number of slots, shared fairly by groups and their members.
//!
//! Requests of organizations and operators, and logins from addresses to accounts, wait here without a thread.
//! A free slot goes to the group that has had none for longest, in it to the member that has had none for longest,
//! and there to the request that came first.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// How many slots there are, and who may hold how many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Slots in all.
    pub total: usize,
    /// Slots of one group.
    pub group: usize,
    /// Slots of one member of a group.
    pub member: usize,
    /// Requests that may wait, in all.
    pub waiting: usize,
}

/// The slots.
#[derive(Clone)]
pub struct Slots {
    shared: Arc<Shared>,
}

/// No slot became free in time, or too many requests wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSlot;

/// A slot that is held until the value is dropped.
pub struct Slot {
    /// None: the slot is given back already.
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
    /// Counts arrivals, grants and returns: a smaller number is longer ago.
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
    /// Slots with these limits.
    pub fn new(limits: Limits) -> Self {
        let state = Mutex::default();
        Slots {
            shared: Arc::new(Shared { limits, state }),
        }
    }

    /// Takes a slot for `member` of `group`, waiting for one as long as `wait`.
    ///
    /// # Errors
    /// None became free, or too many requests wait.
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
        // However this ends, also when the request is given up, its place does not stay.
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

/// A request that waits; its place goes with it.
struct Waiting<'s> {
    shared: &'s Shared,
    place: Option<oneshot::Receiver<Slot>>,
    group: Arc<str>,
    member: Arc<str>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // A slot that was granted and not taken is given back here, before the lock is taken.
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

    /// Gives what is free to those whose turn it is.
    fn serve(self: &Arc<Self>, state: &mut SlotTable) {
        while let Some((group, member)) = state.next(self.limits) {
            let Some(place) = state.first(&group, &member) else {
                return;
            };
            state.grant(&group, &member);
            if let Err(mut slot) = place.send(self.slot(&group, &member)) {
                // The request was given up. The lock is held, so the slot must not give itself back.
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

    /// Whether a slot is free for this member. Requests that wait while one is free are of members, or groups, that
    /// hold as many as they may.
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

    /// Takes those of this member out who do not wait any longer.
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

    /// Forgets a member, and a group, that neither holds nor wants a slot.
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

    /// Whose turn it is, if a slot is free for a request that waits.
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
    fn no_group_and_no_member_takes_all() {
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
    fn groups_and_their_members_take_turns() {
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
    fn a_request_that_is_given_up_leaves_nothing_behind() {
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
    fn too_many_that_wait_are_turned_away() {
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
