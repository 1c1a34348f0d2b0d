//! What sorts of resources there are.

use crate::words::words;

words! {
    /// What sort of resource it is.
    Kind: "kind of resource" {
        /// A Docker container.
        Container => "container",
        /// A cloud sandbox.
        Sandbox => "sandbox",
        /// A network.
        Network => "network",
        /// A volume.
        Volume => "volume",
        /// A container image.
        Image => "image",
        /// A snapshot that sandboxes start from.
        Snapshot => "snapshot",
    }
}

impl Kind {
    /// The place in the order of deletion: what uses others goes before what is used.
    pub const fn deletion_rank(self) -> u8 {
        match self {
            Kind::Container | Kind::Sandbox => 0,
            Kind::Network => 1,
            Kind::Volume => 2,
            Kind::Image | Kind::Snapshot => 3,
        }
    }
}
