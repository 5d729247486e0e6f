//! RELOADING=1 and then READY=1, around a reload.

use rustix::time::{ClockId, clock_gettime};

/// What of a reload is still to be told. The two go in datagrams of their own: of one with both the manager sees the last.
#[derive(Debug, Default)]
pub(super) struct Reload {
    under_way: bool,
    begin: bool,
    end: bool,
}

impl Reload {
    pub(super) fn begins(&mut self) {
        *self = Self {
            under_way: true,
            begin: true,
            end: false,
        };
    }

    /// Where its beginning was not to be told, its end is not: READY=1 would say that the daemon has started.
    pub(super) fn ends(&mut self) {
        self.end |= std::mem::take(&mut self.under_way);
    }

    /// The end of the daemon is all that counts from now on.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// What is to be told now.
    pub(super) fn next(&self) -> Option<String> {
        if self.begin {
            Some(format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_usec()))
        } else {
            self.end.then(|| "READY=1".to_owned())
        }
    }

    /// The manager has what was told last.
    pub(super) fn taken(&mut self) {
        if !std::mem::take(&mut self.begin) {
            self.end = false;
        }
    }

    /// There is more to tell.
    pub(super) fn has_more(&self) -> bool {
        self.begin || self.end
    }
}

/// By the clock that the service manager compares it with (CLOCK_MONOTONIC), in microseconds.
fn monotonic_usec() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds * 1_000_000 + nanos / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(reload: &mut Reload) -> Option<String> {
        let next = reload.next();
        reload.taken();
        next
    }

    fn is_begin(told: Option<String>) -> bool {
        told.is_some_and(|told| told.starts_with("RELOADING=1\nMONOTONIC_USEC="))
    }

    #[test]
    fn the_end_is_told_behind_the_beginning() {
        let mut reload = Reload::default();
        assert_eq!(reload.next(), None);
        reload.begins();
        assert!(is_begin(told(&mut reload)));
        assert_eq!(told(&mut reload), None);
        reload.ends();
        assert_eq!(told(&mut reload).as_deref(), Some("READY=1"));
        assert_eq!(told(&mut reload), None);
    }

    #[test]
    fn both_are_told_when_the_manager_did_not_take_the_first_in_time() {
        let mut reload = Reload::default();
        reload.begins();
        assert!(is_begin(reload.next()));
        reload.ends();
        assert!(is_begin(told(&mut reload)));
        assert!(reload.has_more());
        assert_eq!(told(&mut reload).as_deref(), Some("READY=1"));
        assert!(!reload.has_more());
    }

    #[test]
    fn what_was_not_begun_does_not_end_and_what_is_forgotten_neither() {
        let mut reload = Reload::default();
        reload.ends();
        assert_eq!(told(&mut reload), None);
        reload.begins();
        assert!(is_begin(told(&mut reload)));
        reload.forget();
        reload.ends();
        assert_eq!(told(&mut reload), None);
    }
}
