//! Search: filters that all must match, and pages with a cursor.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Failure;
use super::body::null_is_default;
use crate::directory::{Directory, Member, Realm, Status, folded};
use crate::world::World;

/// What a search asks for.
#[derive(Deserialize)]
pub(super) struct Request {
    /// B2B only.
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) organization_ids: Vec<String>,
    cursor: Option<String>,
    limit: Option<i64>,
    query: Option<Query>,
}

#[derive(Deserialize)]
struct Query {
    operator: String,
    #[serde(default, deserialize_with = "null_is_default")]
    operands: Vec<Operand>,
}

#[derive(Deserialize)]
struct Operand {
    filter_name: Value,
    #[serde(default)]
    filter_value: Value,
}

/// A page of what was found.
pub(super) struct Page {
    pub(super) found: Vec<Member>,
    pub(super) metadata: Metadata,
}

/// `results_metadata`.
#[derive(Serialize)]
pub(super) struct Metadata {
    total: usize,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// The page of a request, worked out beside the calls that others make meanwhile.
pub(super) async fn page_of(
    world: &Arc<World>,
    request: Request,
    realms: Vec<Realm>,
) -> Result<Page, Failure> {
    let world = Arc::clone(world);
    let page = tokio::task::spawn_blocking(move || request.page(&world.directory, &realms));
    page.await
        .unwrap_or_else(|_| Err(Failure::internal_server_error()))
}

/// One condition that a member must meet.
enum Filter {
    Emails(BTreeSet<String>),
    References(BTreeSet<String>),
    Statuses(Vec<Status>),
}

impl Request {
    /// The page asked for, of everybody in these realms who meets all conditions.
    ///
    /// Who is asked for by name is looked up; otherwise everybody is looked at, as slowly as Stytch
    /// says of itself when they are many.
    fn page(&self, directory: &Directory, realms: &[Realm]) -> Result<Page, Failure> {
        let (from, limit) = (self.from()?, self.limit()?);
        let filters = self.filters()?;
        let named = filters
            .iter()
            .find_map(|filter| filter.named(directory, realms));
        let wants_deleted = filters.iter().any(Filter::wants_deleted);
        let everybody: Box<dyn Iterator<Item = Member>> = match named {
            Some(named) => Box::new(named.into_iter()),
            None => Box::new(realms.iter().flat_map(|realm| directory.everybody(*realm))),
        };
        let matching = everybody
            .filter(|member| wants_deleted || member.status != Status::Deleted)
            .filter(|member| {
                filters
                    .iter()
                    .all(|filter| filter.admits(member, directory))
            });
        let (mut found, mut total) = (Vec::new(), 0);
        for member in matching {
            if total >= from && found.len() < limit {
                found.push(member);
            }
            total += 1;
        }
        let next = from + found.len();
        let next_cursor = (next < total).then(|| format!("cursor-{next}"));
        Ok(Page {
            found,
            metadata: Metadata { total, next_cursor },
        })
    }

    fn from(&self) -> Result<usize, Failure> {
        let Some(cursor) = self.cursor.as_deref().filter(|cursor| !cursor.is_empty()) else {
            return Ok(0);
        };
        cursor
            .strip_prefix("cursor-")
            .and_then(|from| from.parse().ok())
            .ok_or_else(|| {
                Failure::new(400, "user_search_invalid_cursor", "The cursor is invalid.")
            })
    }

    fn limit(&self) -> Result<usize, Failure> {
        match self.limit {
            None | Some(0) => Ok(DEFAULT_LIMIT),
            Some(limit) => usize::try_from(limit)
                .ok()
                .filter(|limit| *limit <= LARGEST_LIMIT)
                .ok_or_else(|| {
                    Failure::new(
                        400,
                        "user_search_invalid_limit",
                        "The limit is at most 1000.",
                    )
                }),
        }
    }

    fn filters(&self) -> Result<Vec<Filter>, Failure> {
        let Some(query) = &self.query else {
            return Ok(Vec::new());
        };
        if query.operator != "AND" && !(query.operator == "OR" && query.operands.len() < 2) {
            return Err(Failure::new(
                400,
                "user_search_invalid_operator",
                "The operator must be AND.",
            ));
        }
        query.operands.iter().map(Filter::of).collect()
    }
}

impl Filter {
    fn of(operand: &Operand) -> Result<Self, Failure> {
        let name = operand.filter_name.as_str().ok_or_else(|| {
            Failure::new(
                400,
                "member_search_filter_name_must_be_string",
                "filter_name is no string.",
            )
        })?;
        match name {
            "member_emails" | "email_address" | "email_addresses" => {
                Ok(Self::Emails(texts(operand)?.map(folded).collect()))
            }
            "member_ids" | "user_id" | "user_ids" => Ok(Self::References(
                texts(operand)?.map(str::to_owned).collect(),
            )),
            "statuses" | "status" => texts(operand)?
                .map(status)
                .collect::<Result<_, _>>()
                .map(Self::Statuses),
            _ => Err(Failure::new(
                400,
                "member_search_filter_name_not_recognized",
                "The filter_name is not recognized by the simulator.",
            )),
        }
    }

    /// Those whom this filter names, each once; `None` if it names nobody.
    fn named(&self, directory: &Directory, realms: &[Realm]) -> Option<Vec<Member>> {
        let in_realms = |find: &dyn Fn(Realm) -> Option<Member>| -> Vec<Member> {
            realms.iter().filter_map(|realm| find(*realm)).collect()
        };
        let mut named: Vec<Member> = match self {
            Self::Emails(emails) => emails
                .iter()
                .flat_map(|email| in_realms(&|realm| directory.by_email(realm, email)))
                .collect(),
            Self::References(references) => references
                .iter()
                .flat_map(|id| in_realms(&|realm| directory.by_reference(realm, id)))
                .collect(),
            Self::Statuses(_) => return None,
        };
        named.sort_by_key(|member| member.number);
        named.dedup_by_key(|member| member.number);
        Some(named)
    }

    fn wants_deleted(&self) -> bool {
        matches!(self, Self::Statuses(statuses) if statuses.contains(&Status::Deleted))
    }

    fn admits(&self, member: &Member, directory: &Directory) -> bool {
        match self {
            Self::Emails(emails) => emails.contains(&folded(&member.email)),
            Self::References(references) => {
                references.contains(&directory.id(member.realm, member.number))
                    || member
                        .external_id
                        .as_ref()
                        .is_some_and(|own| references.contains(own))
            }
            Self::Statuses(statuses) => statuses.contains(&member.status),
        }
    }
}

/// A list of strings; a single one is taken for a list of it.
fn texts(operand: &Operand) -> Result<impl Iterator<Item = &str>, Failure> {
    let values = match &operand.filter_value {
        Value::Array(values) => values.as_slice(),
        single => std::slice::from_ref(single),
    };
    if values.iter().any(|value| !value.is_string()) {
        return Err(Failure::new(
            400,
            "member_search_expected_array_of_strings",
            "filter_value must be an array of strings.",
        ));
    }
    Ok(values.iter().filter_map(Value::as_str))
}

fn status(text: &str) -> Result<Status, Failure> {
    match text {
        "pending" => Ok(Status::Pending),
        "invited" => Ok(Status::Invited),
        "active" => Ok(Status::Active),
        "deleted" => Ok(Status::Deleted),
        _ => Err(Failure::new(
            400,
            "search_invalid_status_filter",
            "The status is unknown.",
        )),
    }
}

const DEFAULT_LIMIT: usize = 100;
const LARGEST_LIMIT: usize = 1000;
