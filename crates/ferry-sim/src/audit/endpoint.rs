//! The endpoints, as the audit names them.

use axum::http::Method;

macro_rules! endpoints {
    ($($name:ident = $label:literal, $method:ident $path:literal;)+) => {
        /// An endpoint of the simulator.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Endpoint {
            $(
                #[doc = concat!("`", stringify!($method), " ", $path, "`")]
                $name,
            )+
            /// A path or a method that the simulator does not know.
            Unknown,
            /// The simulator's own pages, which are not counted.
            Simulator,
        }

        impl Endpoint {
            /// How many endpoints there are.
            pub(crate) const COUNT: usize = Self::Simulator as usize + 1;

            /// The endpoint of a request whose route has this path.
            pub(crate) fn of(method: &Method, path: &str) -> Self {
                if path.starts_with("/sim/") {
                    return Self::Simulator;
                }
                match (method.as_str(), path) {
                    $((stringify!($method), $path) => Self::$name,)+
                    _ => Self::Unknown,
                }
            }

            /// Its name in the audit.
            pub(crate) fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)+
                    Self::Unknown => "unknown",
                    Self::Simulator => "simulator",
                }
            }

            /// Its path, with placeholders.
            pub(crate) fn path(self) -> &'static str {
                match self {
                    $(Self::$name => $path,)+
                    Self::Unknown => "(unknown)",
                    Self::Simulator => "/sim",
                }
            }
        }
    };
}

endpoints! {
    Migrate = "migrate", POST "/v1/b2b/sessions/migrate";
    ListSessions = "list_sessions", GET "/v1/b2b/sessions";
    Authenticate = "authenticate", POST "/v1/b2b/sessions/authenticate";
    Revoke = "revoke", POST "/v1/b2b/sessions/revoke";
    Keys = "jwks", GET "/v1/b2b/sessions/jwks/{project_id}";
    GetOrganization = "get_organization", GET "/v1/b2b/organizations/{organization_id}";
    CreateMember = "create_member", POST "/v1/b2b/organizations/{organization_id}/members";
    GetMember = "get_member", GET "/v1/b2b/organizations/{organization_id}/member";
    SearchMembers = "search_members", POST "/v1/b2b/organizations/members/search";
    ConsumerMigrate = "consumer_migrate", POST "/v1/sessions/migrate";
    ConsumerListSessions = "consumer_list_sessions", GET "/v1/sessions";
    ConsumerAuthenticate = "consumer_authenticate", POST "/v1/sessions/authenticate";
    ConsumerRevoke = "consumer_revoke", POST "/v1/sessions/revoke";
    ConsumerKeys = "consumer_jwks", GET "/v1/sessions/jwks/{project_id}";
    CreateUser = "create_user", POST "/v1/users";
    GetUser = "get_user", GET "/v1/users/{user_id}";
    SearchUsers = "search_users", POST "/v1/users/search";
    Whoami = "whoami", GET "/v1/debug/whoami";
    Discovery = "discovery", GET "/oidc/.well-known/openid-configuration";
    UserInfo = "userinfo", GET "/oidc/userinfo";
    UserInfoByPost = "userinfo_by_post", POST "/oidc/userinfo";
    Token = "oauth_token", POST "/oidc/oauth/token";
    ProviderKeys = "oidc_jwks", GET "/oidc/jwks";
}

impl Endpoint {
    /// Whether it belongs to Stytch, and so needs credentials, spends its quota and suffers its
    /// faults.
    pub(crate) fn is_stytch(self) -> bool {
        self < Self::Discovery
    }

    /// Whether Stytch answers it without credentials.
    pub(crate) fn is_public(self) -> bool {
        matches!(self, Self::Keys | Self::ConsumerKeys)
    }

    pub(crate) fn is_migrate(self) -> bool {
        matches!(self, Self::Migrate | Self::ConsumerMigrate)
    }

    pub(crate) fn is_userinfo(self) -> bool {
        matches!(self, Self::UserInfo | Self::UserInfoByPost)
    }
}
