//! What the writer does for the spool only.
//!
//! In: groups and jobs. Out: what there is no room for is turned away; jobs are done in slices,
//! and once more on a new file where the old one turns out to be damaged. What makes room is done
//! once more with the reserve where the disk is full; what takes room is not.

use super::{IDLE_AFTER, Purpose, Writer};
use crate::store::AppendError;
use crate::store::failure::Failure;
use crate::store::queue::Append;
use crate::store::spool::{Job, Keeper};
use jiff::Timestamp;
use rusqlite::Connection;

impl Writer {
    /// Takes out of a group, and answers, what the spool has no room for.
    pub(super) fn turn_away(&mut self, group: &mut Vec<Append>) {
        let keeper = match &mut self.purpose {
            Purpose::Store(_) => return,
            Purpose::Spool(keeper) => keeper,
        };
        // What is wrong with the database is for the commit to find out.
        let Ok(connection) = self.database.connection() else { return };
        let fitting = keeper.fitting(connection, group).unwrap_or(group.len());
        let refused = group.split_off(fitting);
        if !refused.is_empty() {
            let error = AppendError::SpoolFull;
            self.metrics.count_error(error);
            self.queue.set_room(false);
            self.queue.answer(refused, Err(error));
        }
    }

    /// Does a job, or a slice of it, and answers it once it is done.
    pub(super) fn work(&mut self, job: Job) {
        match job {
            Job::Read { after, records, bytes, done } => {
                let read =
                    self.try_work(|_, connection| Keeper::read(connection, after, records, bytes));
                done(read);
            }
            Job::Forget { through, done } => {
                match self.try_work(|keeper, connection| keeper.forget(connection, through)) {
                    Ok(true) => self.queue.put_back(Job::Forget { through, done }),
                    Ok(false) => done(Ok(())),
                    Err(error) => done(Err(error)),
                }
            }
            Job::PutBehind { numbers, done } => {
                // It takes room, and so nothing of what is kept for making some.
                let work = |keeper: &mut Keeper, connection: &Connection| {
                    keeper.put_behind(connection, &numbers)
                };
                let put = self.with_spool(work);
                done(self.or_on_a_new_file(put, work));
            }
        }
    }

    /// The upkeep that follows a job.
    ///
    /// Whoever drains the spool asks again and again, so that the writer would never find itself
    /// idle: a moment in which nothing waits has to do.
    pub(super) fn after_work(&mut self) {
        let upkept = self.with_reserve(|writer| writer.upkeep(0));
        self.note(upkept);
        if self.looked.elapsed() >= IDLE_AFTER {
            if self.queue.is_quiet() {
                self.when_idle(Timestamp::now());
            } else {
                self.look();
            }
        }
    }

    /// Works on the spool; once more on a new file when this one turns out to be damaged.
    fn try_work<T>(
        &mut self,
        work: impl Fn(&mut Keeper, &Connection) -> rusqlite::Result<T>,
    ) -> Result<T, AppendError> {
        let done = self.with_reserve(|writer| writer.with_spool(&work));
        self.or_on_a_new_file(done, work)
    }

    /// What was done; or what is done on a new file when the old one turned out to be damaged.
    fn or_on_a_new_file<T>(
        &mut self,
        mut done: Result<T, Failure>,
        work: impl Fn(&mut Keeper, &Connection) -> rusqlite::Result<T>,
    ) -> Result<T, AppendError> {
        if let Err(failure) = &done
            && failure.is_damage()
        {
            done = self.replace(failure.to_string()).and_then(|()| self.with_spool(&work));
        }
        done.map_err(|failure| self.fail(&failure))
    }

    /// Does what makes room; once more with the room of the reserve when the disk is full.
    pub(super) fn with_reserve<T>(
        &mut self,
        work: impl Fn(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let done = work(self);
        if done.as_ref().is_err_and(Failure::is_disk_full) && self.release_reserve() {
            return work(self);
        }
        done
    }

    fn release_reserve(&mut self) -> bool {
        match &mut self.purpose {
            Purpose::Store(_) => false,
            Purpose::Spool(keeper) => keeper.release_reserve(),
        }
    }

    pub(super) fn with_spool<T>(
        &mut self,
        work: impl FnOnce(&mut Keeper, &Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        match &mut self.purpose {
            Purpose::Store(_) => Err(Failure::NoSpool),
            Purpose::Spool(keeper) => Ok(work(keeper, self.database.connection()?)?),
        }
    }
}
