//! The steps of [`storage::sharing`], of deletion and of bans as a model of a page, tried in every order there is.
//!
//! One step is one call. A crash is an actor that is never let go on, so what must hold holds after every step of every
//! order. The model says what the calls do; that they do it is shown by `tests/it/orders.rs` over the engines. A guard that
//! is left out is found out here, or the model would prove nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeSet, HashSet};

/// Pieces of media at most, each with one attempt to bring bytes: the object, the reference and the record of one are
/// called by its number.
const MEDIA: usize = 3;

type Name = u8;

const NAMES: [Name; MEDIA] = [0, 1, 2];

/// Some of the names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Names(u8);

impl Names {
    fn of(names: impl IntoIterator<Item = Name>) -> Self {
        Self(names.into_iter().fold(0, |set, name| set | 1 << name))
    }

    fn has(self, name: Name) -> bool {
        self.0 & 1 << name != 0
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn but(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    fn take_first(&mut self) -> Option<Name> {
        let first = NAMES.into_iter().find(|name| self.has(*name))?;
        *self = self.but(Self::of([first]));
        Some(first)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Record {
    Absent,
    /// Word of a ban.
    Barred,
    /// Here, under this object; whether its digest is known.
    Stored(Name, bool),
    /// Its digest is noted, and it is about to share.
    Joining,
    /// Under this object; whether its digest was known, or about to be.
    Deleting(Name, Hashed),
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Hashed {
    No,
    Joining,
    Yes,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Blob {
    object: Option<Name>,
    left: Option<Name>,
    banned: bool,
    touched: u8,
}

/// Where one actor is, and what it knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Actor {
    deed: Deed,
    at: At,
    theirs: Name,
    saw_ban: bool,
    seen: Option<Blob>,
    going: Names,
    walk: Names,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Deed {
    Upload(Name),
    Ingest(Name),
    Delete(Name),
    Ban,
}

/// The next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    Put,
    Refer,
    Begin,
    ReadBlob,
    ReadRecord,
    Join,
    Look,
    Replace,
    Write,
    Mark,
    Unrefer,
    KeepOut,
    ReadToLeave,
    AskWhoShares,
    Leave,
    DeleteOne,
    Forget,
    Unmark,
    Walk,
    Hide,
    LookForReference,
    Unbar,
    Done,
}

/// A guard that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Nothing,
    /// An object is left though somebody joined meanwhile.
    Touched,
    /// Whoever joins refers afterwards.
    ReferenceFirst,
    /// What is being deleted is not kept out of the blob.
    KeepingOut,
    /// No word is left for records that are still to come.
    Bar,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    objects: Names,
    references: Names,
    records: [Record; MEDIA],
    hidden: Names,
    blob: Option<Blob>,
    touches: u8,
    actors: Vec<Actor>,
}

impl World {
    fn new(deeds: &[Deed]) -> Self {
        let actor = |deed: &Deed| Actor {
            deed: *deed,
            at: match deed {
                Deed::Upload(_) => At::Put,
                Deed::Ingest(_) => At::Refer,
                Deed::Delete(_) => At::Mark,
                Deed::Ban => At::Write,
            },
            theirs: 0,
            saw_ban: false,
            seen: None,
            going: Names::default(),
            walk: Names::default(),
        };
        Self {
            objects: Names::default(),
            references: Names::default(),
            records: [Record::Absent; MEDIA],
            hidden: Names::default(),
            blob: None,
            touches: 0,
            actors: deeds.iter().map(actor).collect(),
        }
    }

    /// Media that was uploaded before, alone.
    fn with_upload(mut self, name: Name) -> Self {
        self.objects = self.objects.and(Names::of([name]));
        self.references = self.references.and(Names::of([name]));
        self.records[usize::from(name)] = Record::Stored(name, true);
        self.touches += 1;
        self.blob = Some(Blob { object: Some(name), touched: self.touches, ..Blob::default() });
        self
    }

    /// Media that went straight to S3 and was not read yet.
    fn with_straight(mut self, name: Name) -> Self {
        self.objects = self.objects.and(Names::of([name]));
        self.records[usize::from(name)] = Record::Stored(name, false);
        self
    }

    fn touch(&mut self) -> &mut Blob {
        self.touches += 1;
        let blob = self.blob.get_or_insert_default();
        blob.touched = self.touches;
        blob
    }

    fn record(&mut self, name: Name) -> &mut Record {
        &mut self.records[usize::from(name)]
    }

    fn unbar(&mut self, name: Name) {
        let record = self.record(name);
        if *record == Record::Barred {
            *record = Record::Gone;
        }
    }

    /// The world after the next call of one actor.
    fn step(&self, number: usize, without: Without) -> Self {
        let mut world = self.clone();
        let mut actor = world.actors[number].clone();
        actor.at = match actor.deed {
            Deed::Upload(own) => world.bring(&mut actor, own, without),
            Deed::Ingest(own) => world.ingest(&mut actor, own),
            Deed::Delete(name) => world.delete(&mut actor, name, without),
            Deed::Ban => world.ban(&mut actor, without),
        };
        if actor.at == At::Done {
            // What it knew is nobody's concern.
            actor = Actor { theirs: 0, saw_ban: false, seen: None, going: Names::default(), ..actor };
        }
        world.actors[number] = actor;
        world.forget_when();
        world
    }

    /// Counts touches anew: nobody asks more of them than whether two are the same.
    fn forget_when(&mut self) {
        let blobs = || self.actors.iter().map(|actor| actor.seen).chain([self.blob]);
        let known: BTreeSet<_> = blobs().flatten().map(|blob| blob.touched).collect();
        let rank = |touched: u8| {
            known.iter().position(|is| *is == touched).map_or(0, |rank| u8::try_from(rank).unwrap() + 1)
        };
        let ranked = |blob: &mut Blob| blob.touched = rank(blob.touched);
        self.blob.as_mut().map(ranked);
        for actor in &mut self.actors {
            actor.seen.as_mut().map(ranked);
        }
        self.touches = u8::try_from(known.len()).unwrap();
    }

    fn bring(&mut self, actor: &mut Actor, own: Name, without: Without) -> At {
        let is_late = without == Without::ReferenceFirst;
        match actor.at {
            At::Put => {
                self.objects = self.objects.and(Names::of([own]));
                if is_late { At::Join } else { At::Refer }
            }
            At::Refer => {
                self.references = self.references.and(Names::of([own]));
                if is_late { At::Write } else { At::Join }
            }
            At::Write => {
                let is_barred = *self.record(own) == Record::Barred;
                if actor.saw_ban || is_barred {
                    self.hidden = self.hidden.and(Names::of([own]));
                }
                *self.record(own) = Record::Stored(actor.theirs, true);
                At::Done
            }
            _ => {
                let next = self.join(actor, own, At::Join, true);
                if next == At::Write && is_late { At::Refer } else { next }
            }
        }
    }

    /// `join_blob` or `join_blob_as_seen`, then `agree`.
    fn join(&mut self, actor: &mut Actor, own: Name, again: At, always: bool) -> At {
        match actor.at {
            At::Join => {
                let is_open = self.blob.is_none_or(|blob| blob.left != Some(own));
                if !is_open || !(always || self.blob == actor.seen) {
                    assert!(!always, "whoever lives was never left");
                    return again;
                }
                let blob = self.touch();
                blob.object.get_or_insert(own);
                let blob = *blob;
                actor.seen = Some(blob);
                actor.saw_ban = blob.banned;
                actor.theirs = blob.object.unwrap();
                if actor.theirs == own { At::Write } else { At::Look }
            }
            At::Look if self.objects.has(actor.theirs) => At::Write,
            At::Look => At::Replace,
            At::Replace if self.blob == actor.seen => {
                self.touch().object = Some(own);
                actor.theirs = own;
                At::Write
            }
            At::Replace => again,
            other => unreachable!("{other:?}"),
        }
    }

    fn ingest(&mut self, actor: &mut Actor, own: Name) -> At {
        match actor.at {
            At::Refer => {
                self.references = self.references.and(Names::of([own]));
                At::Begin
            }
            At::Begin | At::ReadRecord | At::Write => match *self.record(own) {
                Record::Stored(_, true) => At::Done,
                Record::Stored(_, false) if actor.at == At::Begin => {
                    *self.record(own) = Record::Joining;
                    At::ReadBlob
                }
                Record::Joining if actor.at == At::Begin => At::ReadBlob,
                Record::Joining if actor.at == At::ReadRecord => At::Join,
                Record::Joining => {
                    *self.record(own) = Record::Stored(actor.theirs, true);
                    if actor.saw_ban {
                        self.hidden = self.hidden.and(Names::of([own]));
                    }
                    At::Done
                }
                _ => At::KeepOut,
            },
            At::ReadBlob => {
                actor.seen = self.blob;
                At::ReadRecord
            }
            At::Unrefer => {
                self.references = self.references.but(Names::of([own]));
                actor.going = Names::of([own]);
                At::Unbar
            }
            At::Unbar => {
                self.unbar(own);
                At::ReadToLeave
            }
            At::KeepOut => {
                self.touch().left = Some(own);
                At::Unrefer
            }
            At::Join | At::Look | At::Replace => self.join(actor, own, At::ReadBlob, false),
            _ => self.release(actor, At::Done, Without::Nothing),
        }
    }

    fn delete(&mut self, actor: &mut Actor, name: Name, without: Without) -> At {
        let marked = *self.record(name);
        match actor.at {
            At::Mark => {
                *self.record(name) = match marked {
                    Record::Stored(object, is_hashed) => {
                        Record::Deleting(object, if is_hashed { Hashed::Yes } else { Hashed::No })
                    }
                    Record::Joining => Record::Deleting(name, Hashed::Joining),
                    Record::Deleting(..) => marked,
                    Record::Absent | Record::Barred | Record::Gone => return At::Done,
                };
                let Record::Deleting(object, hashed) = *self.record(name) else { unreachable!() };
                actor.going = Names::of([object, name]);
                actor.saw_ban = hashed == Hashed::Joining;
                if hashed == Hashed::No { At::DeleteOne } else { At::Unrefer }
            }
            At::Unrefer => {
                self.references = self.references.but(Names::of([name]));
                let is_joining = actor.saw_ban && without != Without::KeepingOut;
                if is_joining { At::KeepOut } else { At::ReadToLeave }
            }
            At::KeepOut => {
                self.touch().left = Some(name);
                At::ReadToLeave
            }
            At::Unmark => {
                if matches!(marked, Record::Deleting(..)) {
                    *self.record(name) = Record::Gone;
                }
                At::Done
            }
            _ => self.release(actor, At::Unmark, without),
        }
    }

    /// `release`, after one's own reference is gone.
    fn release(&mut self, actor: &mut Actor, then: At, without: Without) -> At {
        match actor.at {
            At::ReadToLeave => {
                actor.seen = self.blob;
                match self.blob {
                    Some(Blob { object: Some(_), .. }) => At::AskWhoShares,
                    blob => {
                        actor.going = actor.going.and(Names::of(blob.and_then(|blob| blob.left)));
                        At::DeleteOne
                    }
                }
            }
            At::AskWhoShares if self.references == Names::default() => At::Leave,
            At::AskWhoShares => {
                let kept = actor.seen.take().and_then(|blob| blob.object);
                actor.going = actor.going.but(Names::of(kept));
                At::DeleteOne
            }
            At::Leave if self.blob == actor.seen || without == Without::Touched => {
                let blob = self.touch();
                blob.left = blob.object.take();
                let blob = *blob;
                actor.going = actor.going.and(Names::of(blob.left));
                actor.seen = Some(blob);
                At::DeleteOne
            }
            At::Leave => At::ReadToLeave,
            At::DeleteOne => match actor.going.take_first() {
                Some(object) => {
                    self.objects = self.objects.but(Names::of([object]));
                    At::DeleteOne
                }
                None if actor.seen.is_some() => At::Forget,
                None => then,
            },
            At::Forget => {
                if self.blob == actor.seen && self.blob.is_some_and(|blob| !blob.banned) {
                    self.blob = None;
                }
                then
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn ban(&mut self, actor: &mut Actor, without: Without) -> At {
        match actor.at {
            At::Write => {
                self.touch().banned = true;
                At::Walk
            }
            At::Walk => {
                actor.walk = self.references;
                At::Hide
            }
            At::LookForReference if self.references.has(actor.theirs) => At::Hide,
            At::LookForReference => At::Unbar,
            At::Unbar => {
                self.unbar(actor.theirs);
                At::Hide
            }
            _ => {
                let Some(name) = actor.walk.take_first() else { return At::Done };
                match self.record(name) {
                    Record::Absent | Record::Gone if without == Without::Bar => At::Hide,
                    // To the table it is the same whether there is nothing yet or nothing any more.
                    record @ (Record::Absent | Record::Gone) => {
                        *record = Record::Barred;
                        actor.theirs = name;
                        At::LookForReference
                    }
                    _ => {
                        self.hidden = self.hidden.and(Names::of([name]));
                        At::Hide
                    }
                }
            }
        }
    }

    /// What must hold after every step: whatever is recorded has its bytes.
    fn has_lost(&self) -> Option<&'static str> {
        let lost = |name: Name| match self.records[usize::from(name)] {
            Record::Stored(object, _) => !self.objects.has(object),
            Record::Joining => !self.objects.has(name),
            _ => false,
        };
        NAMES.into_iter().any(lost).then_some("the bytes of a record are lost")
    }

    /// What must hold when all are done: one object, all hidden if they are banned, and nothing that nobody needs.
    fn is_untidy(&self) -> Option<&'static str> {
        let stored = |name: &Name| matches!(self.records[usize::from(*name)], Record::Stored(..));
        let shared = self.records.iter().filter_map(|record| match record {
            Record::Stored(object, true) => Some(*object),
            _ => None,
        });
        let shared = Names::of(shared);
        let stored = Names::of(NAMES.into_iter().filter(stored));
        let has_ban = self.actors.iter().any(|actor| actor.deed == Deed::Ban);
        let is_named = |blob: Blob| blob.object.is_none_or(|object| shared.has(object));
        let wrongs = [
            ("equal bytes are several objects", shared.0.count_ones() > 1),
            ("what is banned is seen", has_ban && stored.but(self.hidden) != Names::default()),
            // Spare objects are `ingest`'s to delete, which has no part in this.
            ("an object is nobody's", self.objects.but(shared).but(stored) != Names::default()),
            ("a reference is nobody's", self.references.but(stored) != Names::default()),
            ("word is left for nobody", self.records.contains(&Record::Barred)),
            ("the blob's object is nobody's", !self.blob.is_none_or(is_named)),
        ];
        wrongs.into_iter().find_map(|(wrong, is)| is.then_some(wrong))
    }
}

/// Tries every order; returns how many worlds there are, and what was wrong with the first that was.
fn every_order(start: World, without: Without) -> (usize, Option<String>) {
    let (mut seen, mut open) = (HashSet::new(), vec![start]);
    while let Some(world) = open.pop() {
        if !seen.insert(world.clone()) {
            continue;
        }
        let running = (0..world.actors.len()).filter(|number| world.actors[*number].at != At::Done);
        let next: Vec<_> = running.map(|number| world.step(number, without)).collect();
        let wrong = if next.is_empty() { world.is_untidy() } else { None };
        if let Some(wrong) = world.has_lost().or(wrong) {
            return (seen.len(), Some(format!("{wrong}: {world:?}")));
        }
        open.extend(next);
    }
    (seen.len(), None)
}

/// Whoever meets: three or four at once, over nothing, over an upload, and over what was not read yet.
fn scenes() -> Vec<World> {
    use Deed::{Ban, Delete, Ingest, Upload};
    let over_nothing: [&[Deed]; 3] = [
        &[Upload(0), Upload(1), Upload(2)],
        &[Upload(0), Upload(1), Ban],
        &[Upload(0), Delete(0), Upload(1)],
    ];
    let over_an_upload: [&[Deed]; 8] = [
        &[Delete(0), Delete(0), Upload(1), Upload(2)],
        &[Delete(0), Upload(1), Delete(1), Ban],
        &[Delete(0), Upload(1), Upload(2)],
        &[Delete(0), Delete(0), Upload(1)],
        &[Delete(0), Upload(1), Ban],
        &[Delete(0), Upload(1), Delete(1)],
        &[Delete(0), Delete(0), Ban],
        &[Upload(1), Upload(2), Ban],
    ];
    let over_unread: [&[Deed]; 7] = [
        &[Ingest(0), Ingest(0), Delete(0), Upload(1)],
        &[Ingest(0), Delete(0), Upload(1)],
        &[Ingest(0), Ingest(0), Delete(0)],
        &[Ingest(0), Ingest(0), Upload(1)],
        &[Ingest(0), Upload(1), Ban],
        &[Ingest(0), Delete(0), Ban],
        &[Ingest(0), Delete(0), Delete(0)],
    ];
    let over_both: [&[Deed]; 5] = [
        &[Ingest(1), Delete(0), Delete(1), Upload(2)],
        &[Ingest(1), Delete(0), Delete(1)],
        &[Ingest(1), Delete(0), Upload(2)],
        &[Ingest(1), Ingest(1), Delete(0)],
        &[Ingest(1), Delete(0), Ban],
    ];
    let nothing = over_nothing.into_iter().map(World::new);
    let upload = over_an_upload.into_iter().map(|deeds| World::new(deeds).with_upload(0));
    let unread = over_unread.into_iter().map(|deeds| World::new(deeds).with_straight(0));
    let both = over_both.into_iter().map(|deeds| World::new(deeds).with_upload(0).with_straight(1));
    nothing.chain(upload).chain(unread).chain(both).collect()
}

#[test]
fn nothing_is_lost_and_nothing_is_left_in_any_order() {
    let mut tried = 0;
    for scene in scenes() {
        let deeds: Vec<_> = scene.actors.iter().map(|actor| actor.deed).collect();
        let (worlds, wrong) = every_order(scene, Without::Nothing);
        assert_eq!(wrong, None, "{deeds:?}");
        tried += worlds;
    }
    assert!(tried > 300_000, "{tried} worlds are fewer than there were");
}

#[test]
fn each_guard_is_needed() {
    for without in [Without::Touched, Without::ReferenceFirst, Without::KeepingOut, Without::Bar] {
        let wrong = scenes().into_iter().find_map(|scene| every_order(scene, without).1);
        assert!(wrong.is_some(), "{without:?} is missed by nobody");
    }
}
