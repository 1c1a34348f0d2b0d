//! The users whose files are believed.

/// The users whose files are believed, besides root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The user whose rights the process has.
    pub user: u32,
    /// The user who asked for the rights of root, as `sudo` says.
    pub sudo: Option<u32>,
}

impl Operator {
    /// The user who runs this process, with this value of `SUDO_UID`.
    pub fn of_process(sudo: Option<&str>) -> Self {
        let user = rustix::process::geteuid();
        Self {
            user: user.as_raw(),
            sudo: sudo
                .filter(|_| user.is_root())
                .and_then(|id| id.parse().ok()),
        }
    }

    /// Whether what a user owns is believed.
    pub(crate) fn is_one_of(self, owner: u32) -> bool {
        owner == 0 || owner == self.user || Some(owner) == self.sudo
    }
}
