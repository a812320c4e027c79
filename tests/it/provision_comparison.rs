//! Random Bulk requests: the result is that of the operations one by one, in every store.

use std::collections::HashMap;

use muster::provision::bulk_job::BulkAnswer;
use muster::provision::operation::Act;
use muster::users::built_in::DEFAULT_ORGANIZATION;
use muster::users::operator::Role;
use muster::users::resources::Kind;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::provision::{
    Fixture, bulk_body, call, folder, group, group_ids, open, patch, post, post_below, post_group,
    statuses, user,
};

/// xorshift64*: the same requests in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        high as usize % bound
    }
}

/// A request of up to eight operations with few names, so that many collide; `ahead` says whether
/// references may point to later operations.
fn request(chance: &mut Chance, ahead: bool) -> Vec<Value> {
    let count = 1 + chance.below(8);
    (0..count)
        .map(|at| {
            let reach = if ahead { count } else { at };
            let refer = |chance: &mut Chance| match chance.below(8) {
                0 => "bulkId:missing".to_owned(),
                _ => format!("bulkId:{}", chance.below(reach.max(1))),
            };
            let name = format!("n{}", chance.below(6));
            let bulk_id = at.to_string();
            match chance.below(9) {
                0..=1 => post(&bulk_id, &name),
                2 => post_below(&bulk_id, &name, &refer(chance)),
                3 => {
                    let ids: Vec<String> = (0..chance.below(4)).map(|_| refer(chance)).collect();
                    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                    post_group(&bulk_id, &name, &ids)
                }
                4 => json!({"method": "DELETE", "path": format!("/Users/{}", refer(chance))}),
                5 => json!({"method": "PUT", "path": format!("/Users/{}", refer(chance)),
                    "data": user(&name)}),
                6 => json!({"method": "PUT", "path": format!("/Groups/{}", refer(chance)),
                    "data": group(&name, &[&refer(chance)])}),
                7 => json!({"method": "PATCH", "path": format!("/Groups/{}", refer(chance)),
                    "data": patch(&json!([
                        {"op": "add", "path": "members", "value": [{"value": refer(chance)}]},
                        {"op": "remove", "path": format!("members[value eq \"{}\"]", refer(chance))}]))}),
                _ => json!({"method": "PATCH", "path": format!("/Groups/{}", refer(chance)),
                    "data": patch(&json!([
                        {"op": "replace", "path": "displayName", "value": name},
                        {"op": "add", "path": "members", "value": [{"value": refer(chance)}]}]))}),
            }
        })
        .collect()
}

impl Fixture {
    /// All users and these groups, without ids and times.
    fn all(&self, groups: &[Uuid]) -> String {
        let manager = |id: &str| match id.parse() {
            Ok(id) => match self.shown(Kind::User, id) {
                Some(user) => user["userName"].to_string(),
                None => "gone".to_owned(),
            },
            Err(_) => id.to_owned(),
        };
        let users = self
            .app
            .store
            .users(DEFAULT_ORGANIZATION, None, None, 1_000);
        let users = users.expect("the store works").into_iter().map(|user| {
            let above = user.attributes.get("manager").and_then(Value::as_str);
            let mut roles = user.roles;
            roles.sort();
            (user.user_name, above.map(&manager), roles)
        });
        format!("{:?} {:?}", users.collect::<Vec<_>>(), self.groups(groups))
    }

    fn clear(&self, groups: &[Uuid]) {
        for name in self.names() {
            let id = self.user_id(&name).expect("a user");
            self.delete(Kind::User, id)
                .expect("the resource is deleted");
        }
        for id in groups {
            let _ = self.delete(Kind::Group, *id);
        }
    }

    /// Runs the operations one by one, with references resolved from earlier results.
    fn one_by_one(&self, operations: &[Value]) -> (Vec<u16>, Vec<Uuid>) {
        let mut ids: HashMap<String, Uuid> = HashMap::new();
        let (mut statuses, mut groups) = (Vec::new(), Vec::new());
        for operation in operations {
            let mut text = operation.to_string();
            let own = Uuid::now_v7();
            if let (Some("POST"), Some(bulk_id)) =
                (operation["method"].as_str(), operation["bulkId"].as_str())
            {
                text = text.replace(&format!("bulkId:{bulk_id}"), &own.to_string());
            }
            for (bulk_id, id) in &ids {
                text = text.replace(&format!("bulkId:{bulk_id}"), &id.to_string());
            }
            if text.contains("bulkId:") {
                statuses.push(409);
                continue;
            }
            let operation: Value = serde_json::from_str(&text).expect("JSON");
            let path = operation["path"].as_str().expect("a path");
            let kind = match path.starts_with("/Users") {
                true => Kind::User,
                false => Kind::Group,
            };
            let id = path.rsplit('/').next().and_then(|id| id.parse().ok());
            let id = id.unwrap_or(own);
            let data = operation["data"].clone();
            let act = match operation["method"].as_str().expect("a method") {
                "POST" => Act::Create(data),
                "PUT" => Act::Replace(data),
                "PATCH" => Act::Patch(data),
                _ => Act::Delete,
            };
            let made = matches!(act, Act::Create(_));
            statuses.push(match self.act(Role::Admin, kind, id, act, None) {
                Ok(done) => {
                    if made {
                        let bulk_id = operation["bulkId"].as_str().expect("a bulkId");
                        ids.insert(bulk_id.to_owned(), id);
                        groups.extend((kind == Kind::Group).then_some(id));
                    }
                    done.status()
                }
                Err(error) => error.status,
            });
        }
        (statuses, groups)
    }
}

#[test]
fn a_bulk_request_has_the_result_of_its_operations_one_by_one() {
    let folders = [folder(), folder()];
    let [one, many] = [0, 1].map(|at| open(&folders[at], "memory:", |_| {}));
    let [one, many] = [one, many].map(|app| Fixture {
        name: "memory",
        app,
        folder: folder(),
    });
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    for round in 0..3_000 {
        let operations = request(&mut chance, false);
        let answer = many.bulk(operations.clone().into());
        let (expected, groups) = one.one_by_one(&operations);
        let shown = || format!("{round}: {}", Value::from(operations.clone()));
        assert_eq!(statuses(&answer), expected, "{}", shown());
        let ids = group_ids(&answer);
        assert_eq!(many.all(&ids), one.all(&groups), "{}", shown());
        one.clear(&groups);
        many.clear(&ids);
    }
}

#[test]
fn stores_agree_on_forward_references_and_none_dangles() {
    let [sqlite_folder, memory_folder] = [folder(), folder()];
    let sqlite = Fixture {
        name: "sqlite",
        app: open(&sqlite_folder, "sqlite:muster.db", |_| {}),
        folder: sqlite_folder,
    };
    let memory = Fixture {
        name: "memory",
        app: open(&memory_folder, "memory:", |_| {}),
        folder: memory_folder,
    };
    let mut chance = Chance(0xD1B5_4A32_D192_ED03);
    for round in 0..2_000 {
        let operations = request(&mut chance, true);
        let shown = || format!("{round}: {}", Value::from(operations.clone()));
        let most = chance.below(4);
        let mut body = bulk_body(&operations.clone().into());
        body["failOnErrors"] = json!(most);
        let [first, second] = [&sqlite, &memory].map(|app| {
            let answer = app
                .bulk_as(&call(None), &body)
                .expect("the request succeeds");
            app.check(&answer);
            answer
        });
        assert_eq!(statuses(&first), statuses(&second), "{}", shown());
        let [groups, others] = [&first, &second].map(group_ids);
        assert_eq!(sqlite.all(&groups), memory.all(&others), "{}", shown());
        let details = |answer: &BulkAnswer| -> Vec<Option<String>> {
            let errors = answer.outcomes.iter().map(|outcome| outcome.error.as_ref());
            errors
                .map(|error| error.map(|error| error.detail.clone()))
                .collect()
        };
        for (at, operation) in operations.iter().enumerate().take(first.outcomes.len()) {
            let outcome = &first.outcomes[at];
            let text = operation.to_string();
            for (other, target) in first.outcomes.iter().enumerate() {
                let refers = text.contains(&format!("bulkId:{other}"));
                let lost = target.error.is_some() || target.method != "POST";
                if refers && lost && other != at {
                    assert!(outcome.error.is_some(), "{at} to {other}, {}", shown());
                }
            }
            let looks_beyond = (first.outcomes.len()..operations.len())
                .any(|other| text.contains(&format!("bulkId:{other}")));
            assert!(
                !looks_beyond || outcome.error.is_some(),
                "{at}, {}",
                shown()
            );
        }
        let failed = first
            .outcomes
            .iter()
            .filter_map(|it| it.error.as_ref())
            // Failures that only follow from the end of the request do not count.
            .filter(|error| !error.detail.contains("cannot be resolved"))
            .count();
        let skipped = first.record.counters.skipped as usize;
        assert_eq!(
            first.outcomes.len() + skipped,
            operations.len(),
            "{}",
            shown()
        );
        assert!(most == 0 || failed <= most, "{}", shown());
        assert_eq!(details(&first).len(), details(&second).len());
        sqlite.clear(&groups);
        memory.clear(&others);
    }
}
