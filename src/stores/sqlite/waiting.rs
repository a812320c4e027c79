//! The queue of steps for the writer, and the choice of those in the next commit.
//!
//! Small steps are committed together and first, so that a small import only waits for the large
//! step being written. Then a large one follows, alone, because others in its commit would wait for
//! its end. Steps of one import stay in order.

use std::collections::VecDeque;
use std::sync::mpsc::Receiver;

use tokio::sync::oneshot;

use crate::users::step::{ImportStep, Written};
use crate::users::store_error::StoreError;

/// The longest queue; further steps stay in the channel.
const WAITING_STEPS: usize = 256;

/// The most users in a small step; writing them takes no longer than the sync of the commit.
const SMALL_USERS: usize = 1_000;

/// A step, and the sender for its result.
pub(super) struct Request {
    pub step: ImportStep,
    pub reply: oneshot::Sender<Result<Written, StoreError>>,
}

impl Request {
    fn is_small(&self) -> bool {
        self.step.users.len() <= SMALL_USERS
    }
}

/// The queued steps.
pub(super) struct Waiting {
    inbox: Receiver<Request>,
    /// In order of arrival.
    steps: VecDeque<Request>,
    /// Whether small steps were committed before the first one here; if so, it is next.
    large_is_next: bool,
}

impl Waiting {
    /// A queue of the steps that come through `inbox`.
    pub(super) fn new(inbox: Receiver<Request>) -> Self {
        Waiting {
            inbox,
            steps: VecDeque::new(),
            large_is_next: false,
        }
    }

    /// The steps of the next commit; waits until there are any. None if no more can come.
    pub(super) fn next_group(&mut self) -> Option<Vec<Request>> {
        if self.steps.is_empty() {
            self.steps.push_back(self.inbox.recv().ok()?);
        }
        self.take_in();
        if !std::mem::take(&mut self.large_is_next) {
            let small = self.take_small();
            if !small.is_empty() {
                self.large_is_next = !self.steps.is_empty();
                return Some(small);
            }
        }
        self.steps.pop_front().map(|step| vec![step])
    }

    fn take_in(&mut self) {
        while self.steps.len() < WAITING_STEPS
            && let Ok(request) = self.inbox.try_recv()
        {
            self.steps.push_back(request);
        }
    }

    /// Removes the small steps that do not follow an earlier one of their import in the queue.
    fn take_small(&mut self) -> Vec<Request> {
        let (mut small, mut others) = (Vec::new(), VecDeque::<Request>::new());
        for request in self.steps.drain(..) {
            let import = request.step.import;
            let in_order = others.iter().all(|other| other.step.import != import);
            match request.is_small() && in_order {
                true => small.push(request),
                false => others.push_back(request),
            }
        }
        self.steps = others;
        small
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use uuid::Uuid;

    use super::*;
    use crate::clock::Moment;
    use crate::users::batch::{CheckedUsers, NewUsers};
    use crate::users::candidate::{CheckedPassword, CheckedUser};
    use crate::users::import_id::ImportId;
    use crate::users::name::UserName;

    const LARGE: usize = SMALL_USERS + 1;

    fn request(import: u128, users: usize) -> Request {
        let mut checked = CheckedUsers::default();
        for line in 0..users {
            let user = CheckedUser {
                line: line as u64,
                name: UserName::parse("ann", None).unwrap(),
                given_name: None,
                family_name: None,
                email: None,
                external_id: None,
                attributes: Vec::new(),
                cleared: Vec::new(),
                roles: "".into(),
                password: CheckedPassword::Missing,
            };
            checked.push(&user, None);
        }
        let mut users = NewUsers::default();
        checked.move_into(&mut users, &[], &[], Uuid::nil);
        let import = ImportId(Uuid::from_u128(import));
        let step = ImportStep::without_users(import, "", "PRIMARY", 0, Moment(0));
        Request {
            step: ImportStep { users, ..step },
            reply: oneshot::channel().0,
        }
    }

    /// Imports and users of the next group.
    fn next(waiting: &mut Waiting) -> Option<Vec<(u128, usize)>> {
        let group = waiting.next_group()?;
        let summary =
            |request: &Request| (request.step.import.0.as_u128(), request.step.users.len());
        Some(group.iter().map(summary).collect())
    }

    #[test]
    fn small_steps_go_first_and_large_ones_alternate() {
        let (sender, inbox) = mpsc::sync_channel(16);
        let mut waiting = Waiting::new(inbox);
        for (import, users) in [(1, LARGE), (2, LARGE), (3, 3), (4, SMALL_USERS)] {
            sender.send(request(import, users)).unwrap();
        }
        assert_eq!(next(&mut waiting), Some(vec![(3, 3), (4, SMALL_USERS)]));
        sender.send(request(5, 3)).unwrap();
        assert_eq!(next(&mut waiting), Some(vec![(1, LARGE)]));
        assert_eq!(next(&mut waiting), Some(vec![(5, 3)]));
        assert_eq!(next(&mut waiting), Some(vec![(2, LARGE)]));
        drop(sender);
        assert_eq!(next(&mut waiting), None);
    }

    #[test]
    fn steps_of_one_import_stay_in_order() {
        let (sender, inbox) = mpsc::sync_channel(16);
        let mut waiting = Waiting::new(inbox);
        for (import, users) in [(1, LARGE), (1, 3), (2, 3), (1, LARGE), (1, 4)] {
            sender.send(request(import, users)).unwrap();
        }
        drop(sender);
        let mut all = Vec::new();
        while let Some(group) = next(&mut waiting) {
            all.push(group);
        }
        assert_eq!(
            all,
            [
                vec![(2, 3)],
                vec![(1, LARGE)],
                vec![(1, 3)],
                vec![(1, LARGE)],
                vec![(1, 4)]
            ]
        );
    }
}
