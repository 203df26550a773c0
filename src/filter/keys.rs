//! The words of the language: keys, actions, modes, operators.
//!
//! One declaration of each: the reader, its messages and the JSON Schema go by these, so that a
//! key that is read is one that is known everywhere.

use crate::report::closed_set;

closed_set! {
    /// Keys of a file.
    FileKey {
        Format = "format",
        Pack = "pack",
        Rule = "rule",
        Override = "override",
        OwnHosts = "own_hosts",
        Enforce = "enforce",
    }
}

closed_set! {
    /// Keys of `[[rule]]`.
    RuleKey {
        Id = "id",
        Title = "title",
        Reason = "reason",
        Action = "action",
        Mode = "mode",
        Priority = "priority",
        Apps = "apps",
        Tags = "tags",
        Evidence = "evidence",
        Expires = "expires",
        MayMatchCanary = "may_match_canary",
        Any = "any",
        All = "all",
        Unless = "unless",
        Example = "example",
    }
}

closed_set! {
    /// Keys of `[[override]]`.
    OverrideKey {
        Id = "id",
        Enabled = "enabled",
        Mode = "mode",
        Action = "action",
        Apps = "apps",
        Expires = "expires",
    }
}

closed_set! {
    /// Keys of `[[rule.example]]`.
    ExampleKey {
        Match = "match",
        Why = "why",
        Report = "report",
        Ua = "ua",
        App = "app",
        Query = "query",
        OwnHosts = "own_hosts",
    }
}

closed_set! {
    /// What may be asked of a field.
    Operator {
        Is = "is",
        In = "in",
        Under = "under",
        List = "list",
        Cidr = "cidr",
        Own = "own",
        Ge = "ge",
        Gt = "gt",
        Le = "le",
        Lt = "lt",
        Starts = "starts",
        Contains = "contains",
        Regex = "regex",
        NamesHost = "names_host",
        NamesScheme = "names_scheme",
        Permits = "permits",
        Exists = "exists",
    }
}

impl RuleKey {
    /// Whether a rule may not be without it.
    pub const fn is_needed(self) -> bool {
        matches!(
            self,
            Self::Id | Self::Title | Self::Reason | Self::Action | Self::Evidence | Self::Example
        )
    }
}

/// The names of a closed set.
pub fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|&one| name(one)).collect()
}
