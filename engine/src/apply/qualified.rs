//! Backends whose accounts show an id that another account shows as well, as cloned machines do: what they read has
//! the id that the plan has, which tells the two apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{
    Account, Act, Backend, Capabilities, Change, Changes, DeleteOptions, Disk, Error, FindRequest,
    Identity, ListRequest, Page, Resource, Right, StopOptions, Taken, WatchRequest,
};

/// The backends, with the ids of accounts as plans have them, by the backend's name.
pub(crate) fn qualified(
    backends: &[OpenBackend],
    ids: &BTreeMap<Arc<str>, Arc<str>>,
) -> Vec<OpenBackend> {
    let qualified = backends.iter().map(|open| match ids.get(&open.name) {
        None => open.clone(),
        Some(id) => OpenBackend {
            backend: Arc::new(Qualified {
                inner: open.backend.clone(),
                id: id.clone(),
            }),
            ..open.clone()
        },
    });
    qualified.collect()
}

/// A backend whose resources have an account of another id.
struct Qualified {
    inner: Arc<dyn Backend>,
    id: Arc<str>,
}

impl Qualified {
    fn rename(&self, resource: &mut Resource) {
        resource.identity.account.clone_from(&self.id);
    }
}

#[async_trait]
impl Backend for Qualified {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn check(&self) -> Result<Account, Error> {
        self.inner.check().await
    }

    async fn list(&self, request: ListRequest) -> Result<Page, Error> {
        let mut page = self.inner.list(request).await?;
        page.resources.iter_mut().for_each(|one| self.rename(one));
        Ok(page)
    }

    async fn get(&self, target: &Identity) -> Result<Option<Resource>, Error> {
        let mut found = self.inner.get(target).await?;
        found.iter_mut().for_each(|one| self.rename(one));
        Ok(found)
    }

    async fn stop(&self, target: &Identity, options: StopOptions) -> Result<Taken, Error> {
        self.inner.stop(target, options).await
    }

    async fn delete(&self, target: &Identity, options: DeleteOptions) -> Result<Taken, Error> {
        self.inner.delete(target, options).await
    }

    async fn archive(&self, target: &Identity) -> Result<Taken, Error> {
        self.inner.archive(target).await
    }

    async fn rights(&self, acts: Vec<Act>) -> Result<Vec<Right>, Error> {
        self.inner.rights(acts).await
    }

    async fn disks(&self) -> Result<Vec<Disk>, Error> {
        self.inner.disks().await
    }

    async fn watch(&self, request: WatchRequest) -> Result<Changes, Error> {
        let mut changes = self.inner.watch(request).await?;
        for change in &mut changes.changes {
            match change {
                Change::Seen { resource } => self.rename(resource),
                Change::Gone { identity, .. } => identity.account.clone_from(&self.id),
                _ => {}
            }
        }
        Ok(changes)
    }

    async fn find(&self, request: FindRequest) -> Result<Vec<Resource>, Error> {
        let mut found = self.inner.find(request).await?;
        found.iter_mut().for_each(|one| self.rename(one));
        Ok(found)
    }
}
