//! Those who bring, share, hide and delete the same bytes at once, in thousands of orders: what was acknowledged and not
//! deleted is there, what was deleted is not, and of equal bytes there is one object.
//!
//! In the first test every call waits for its turn, and a seed says whose turn it is: an order that goes wrong goes wrong
//! again. In the second everything runs as it likes, through the front door.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
    sync::Mutex,
};

use bytes::Bytes;
use dynamodb_engine::{DynamoDbEngine, Forward};
use engine_host::{Effect, Fault, Faults, Running, When};
use futures_util::{future::join_all, stream};
use http::StatusCode;
use media_core::{Clock, Content, Limits, MediaId, Mxc, State, Timestamp, mxc::random_name};
use s3_engine::{Durability, S3Engine};
use storage::{Incoming, Key, Outcome, Settings, Store, guards::Arrived};
use support::{Left, Server, Setup, eventually};
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::blobs::{brought, digest_of, record};

const ADMIN: &str = "@admin:example.org";

/// Orders that are tried: each is a seed.
const ORDERS: u64 = 200;

/// How many do something at once in each.
const ACTORS: usize = 4;

/// SplitMix64: the same numbers from the same seed, on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }
}

/// Both engines and nothing else that would make calls.
struct Engines {
    store: Store,
    faults: [Faults; 2],
    /// Calls of S3 that were seen in this order.
    seen: Mutex<usize>,
    settings: Settings,
    _hosts: [Running; 2],
    _dynamodb: DynamoDbEngine,
    _s3: S3Engine,
    _folder: TempDir,
}

impl Engines {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (key, secret) = (random_name(20), random_name(40));
        let mut options = s3_engine::Options::new(folder.path().join("s3"), &key, &secret);
        options.durability = Durability::Fast;
        let region = options.region.clone();
        let s3 = S3Engine::open(options).unwrap();
        let dynamodb = DynamoDbEngine::open(None).unwrap();
        let faults = [Faults::default(), Faults::default()];
        let loopback = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let s3_host = engine_host::serve("s3", loopback(), faults[0].layer(s3.service())).unwrap();
        let forward = faults[1].layer(Forward::new(dynamodb.address()));
        let dynamodb_host = engine_host::serve("dynamodb", loopback(), forward).unwrap();
        let settings = Settings {
            region: Some(region),
            credentials: Some((key, secret)),
            s3_endpoint: Some(format!("http://{}", s3_host.address())),
            dynamodb_endpoint: Some(format!("http://{}", dynamodb_host.address())),
            bucket: "media".to_owned(),
            table: "media".to_owned(),
            ephemeral_table: "ephemeral".to_owned(),
            ..Settings::default()
        };
        let store = storage::connect(&settings, &Clock::system(), &Limits::default()).await;
        storage::provision::provision(&store).await.unwrap();
        let hosts = [s3_host, dynamodb_host];
        let seen = Mutex::default();
        Self { store, faults, seen, settings, _hosts: hosts, _dynamodb: dynamodb, _s3: s3, _folder: folder }
    }

    /// From now on every call waits for its turn here.
    fn take_turns(&self) -> mpsc::Receiver<oneshot::Sender<()>> {
        let (queue, waiting) = mpsc::channel(ACTORS);
        for faults in &self.faults {
            faults.inject(Fault { operation: None, when: When::Always, effect: Effect::Turn(queue.clone()) });
        }
        waiting
    }

    /// The operation of the call that waits since last. Everybody waits but one, so the longer list has it.
    fn last_call(&self) -> String {
        let [s3, dynamodb] = [self.faults[0].seen(), self.faults[1].seen()];
        let mut seen = self.seen.lock().unwrap();
        let is_s3 = s3.len() > *seen;
        *seen = s3.len();
        let call = if is_s3 { s3.last() } else { dynamodb.last() };
        call.cloned().unwrap_or_default()
    }

    fn go_freely(&self) {
        *self.seen.lock().unwrap() = 0;
        for faults in &self.faults {
            faults.clear();
        }
    }
}

/// What one actor does with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Upload,
    Fetch,
    Straight,
    Ingest,
    Delete,
    DeleteTheFetched,
    Ban,
}

const DEEDS: [Deed; 10] = [
    Deed::Upload,
    Deed::Upload,
    Deed::Fetch,
    Deed::Fetch,
    Deed::Straight,
    Deed::Ingest,
    Deed::Delete,
    Deed::Delete,
    Deed::DeleteTheFetched,
    Deed::Ban,
];

/// Whom all the others meet.
#[derive(Clone)]
struct Scene {
    store: Store,
    body: Bytes,
    /// Media that has these bytes already, if any has.
    before: Option<Mxc>,
    /// Another server's, which all who fetch fetch.
    theirs: Mxc,
}

fn local() -> Mxc {
    Mxc { origin: "example.org".try_into().unwrap(), media_id: MediaId::random() }
}

async fn upload(Scene { store, body, .. }: &Scene) -> Mxc {
    let mxc = local();
    let (content, joined) = brought(store, &mxc, &Key::new_original(), body).await;
    let stored = record(&mxc, State::Stored(content), joined.ban.map(|ban| ban.by));
    assert!(store.records.reserve(&stored).await.unwrap().is_won());
    mxc
}

/// As `remote-fetch` does it, under a claim that may be lost to a deletion.
async fn fetch(Scene { store, body, theirs, .. }: &Scene) {
    let attempt = random_name(8);
    let claim = store.records.claim(theirs, &attempt, Timestamp(1), Timestamp(10_000));
    let Outcome::Won(lease) = claim.await.unwrap() else { return };
    let (content, joined) = brought(store, theirs, &Key::new_remote(), body).await;
    let quarantined_by = joined.ban.as_ref().map(|ban| ban.by.as_str());
    let arrived =
        Arrived { content: &content, at: Timestamp(2), authenticated: true, quarantined_by, is_held: false };
    if !store.records.store(theirs, &lease, arrived).await.unwrap().is_won() {
        store.let_go(theirs, &content).await.unwrap();
    }
}

/// As what went straight to S3 is completed: nobody knows its digest yet.
async fn complete(Scene { store, body, .. }: &Scene) -> Mxc {
    let (mxc, key) = (local(), Key::new_original());
    let mut incoming = Incoming::new(Box::pin(stream::iter([Ok(body.clone())])), u64::MAX, None);
    store.blobs.put(&key, &mxc, "a/b", &mut incoming).await.unwrap();
    let content = Content {
        object_key: key.to_string(),
        brought_as: key.to_string(),
        content_type: "a/b".into(),
        size_bytes: body.len() as u64,
        sha256: None,
        upload_name: None,
    };
    assert!(store.records.reserve(&record(&mxc, State::Stored(content), None)).await.unwrap().is_won());
    mxc
}

/// As `ingest` does it afterwards; S3 may tell of an object twice.
async fn ingest(Scene { store, body, .. }: &Scene, mxc: &Mxc) {
    let Some(there) = store.records.get_latest(mxc).await.unwrap() else { return };
    if let Some(content) = there.content().filter(|content| content.sha256.is_none()) {
        store.join_later(mxc, content, digest_of(body)).await.unwrap();
    }
}

/// Does it, and returns what was acknowledged.
async fn act(deed: Deed, scene: Scene) -> Option<Mxc> {
    let Scene { store, body, before, theirs } = &scene;
    match (deed, before) {
        (Deed::Upload, _) => return Some(upload(&scene).await),
        (Deed::Straight, _) => {
            let mxc = complete(&scene).await;
            ingest(&scene, &mxc).await;
            return Some(mxc);
        }
        (Deed::Fetch, _) => fetch(&scene).await,
        (Deed::Ingest, Some(mxc)) => ingest(&scene, mxc).await,
        (Deed::Delete, Some(mxc)) => drop(store.erase(mxc).await.unwrap()),
        (Deed::Ingest | Deed::Delete, None) => {}
        (Deed::DeleteTheFetched, _) => drop(store.erase(theirs).await.unwrap()),
        (Deed::Ban, _) => {
            store.records.ban(&digest_of(body), ADMIN, Timestamp(3)).await.unwrap();
        }
    }
    None
}

/// What happened in one order: who made which call, and what was acknowledged.
#[derive(Default)]
struct Story {
    turns: Vec<String>,
    told: Vec<Mxc>,
}

/// Lets everybody go on one call at a time, as the dice fall, until all are done. They come one after the other, so that
/// the dice alone decide.
async fn in_some_order(engines: &Engines, deeds: &[Deed], scene: &Scene, dice: &mut Dice) -> Story {
    let mut waiting = engines.take_turns();
    let (mut actors, mut story) = (JoinSet::new(), Story::default());
    let mut queue: Vec<(usize, String, oneshot::Sender<()>)> = Vec::new();
    let (mut come, mut running) = (0, 0);
    loop {
        if queue.len() == actors.len() {
            if let Some(deed) = deeds.get(come) {
                actors.spawn(act(*deed, scene.clone()));
                (running, come) = (come, come + 1);
            } else if queue.is_empty() {
                engines.go_freely();
                return story;
            } else {
                let (actor, call, go_on) = queue.remove(dice.roll(queue.len()));
                story.turns.push(format!("{actor} {call}"));
                running = actor;
                go_on.send(()).unwrap();
            }
        }
        tokio::select! {
            Some(go_on) = waiting.recv() => queue.push((running, engines.last_call(), go_on)),
            Some(done) = actors.join_next() => story.told.extend(done.unwrap()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_meets_whomever_in_whatever_order() {
    let engines = Engines::start().await;
    let mut turns = 0;
    for seed in 0..ORDERS {
        let mut dice = Dice(seed);
        let mut scene = Scene {
            store: engines.store.clone(),
            body: Bytes::from(format!("bytes of order {seed}")),
            before: None,
            theirs: Mxc { origin: "elsewhere.example".try_into().unwrap(), media_id: MediaId::random() },
        };
        scene.before = match dice.roll(4) {
            0 => None,
            1 => Some(complete(&scene).await),
            _ => Some(upload(&scene).await),
        };
        let deeds: Vec<_> = (0..ACTORS).map(|_| DEEDS[dice.roll(DEEDS.len())]).collect();
        let story = in_some_order(&engines, &deeds, &scene, &mut dice).await;
        turns += story.turns.len();
        check_scene(&engines, seed, &scene, &deeds, &story).await;
    }
    assert!(turns > 3000, "{turns} turns are too few to meet in");
}

/// What must hold when all is quiet, and that nothing is left when everything is deleted.
async fn check_scene(engines: &Engines, seed: u64, scene: &Scene, deeds: &[Deed], happened: &Story) {
    let store = &engines.store;
    let digest = digest_of(&scene.body);
    let Story { turns, told } = happened;
    let order = format!("order {seed}: {deeds:?}, before: {}, {turns:?}", scene.before.is_some());
    let (is_deleted, is_banned) = (deeds.contains(&Deed::Delete), deeds.contains(&Deed::Ban));
    let mut names = told.clone();
    match &scene.before {
        Some(mxc) if is_deleted => assert_eq!(store.records.get_latest(mxc).await.unwrap(), None, "{order}"),
        Some(mxc) => {
            ingest(scene, mxc).await;
            names.push(mxc.clone());
        }
        None => {}
    }
    if store.records.get_latest(&scene.theirs).await.unwrap().is_some() {
        names.push(scene.theirs.clone());
    }
    let mut objects = BTreeSet::new();
    for mxc in &names {
        let there = store.records.get_latest(mxc).await.unwrap();
        let there = there.unwrap_or_else(|| panic!("{order}: an acknowledged upload is lost"));
        let content = there.content().unwrap_or_else(|| panic!("{order}: {:?}", there.state)).clone();
        assert_eq!(there.quarantined_by.is_some(), is_banned, "{order}: {there:?}");
        assert_eq!(content.sha256, Some(digest), "{order}");
        objects.insert(content.object_key);
    }
    assert!(objects.len() <= 1, "{order}: one object for equal bytes, not {objects:?}");
    for key in &objects {
        let object = store.blobs.open(key).await.unwrap();
        let object = object.unwrap_or_else(|| panic!("{order}: the bytes are gone"));
        assert_eq!(object.collect(1000).await.unwrap(), scene.body, "{order}");
    }
    for mxc in &names {
        store.erase(mxc).await.unwrap();
    }
    // Of the bans of other orders there is an item each.
    let Left { mut items, objects } = support::left_behind(&engines.settings).await;
    let own = format!("H#{digest}");
    items.retain(|(pk, sk)| !(pk.starts_with("H#") && sk == "A" && (*pk != own || is_banned)));
    assert_eq!((items, objects), (vec![], vec![]), "{order}");
}

/// Who does something at the front door at once.
const LANES: u64 = 8;

/// What each of them does, one after the other.
const DEEDS_OF_A_LANE: usize = 60;

/// Different bytes that all of them meet over.
const BODIES: usize = 3;

/// One who uploads, shares and deletes, and remembers what there must be.
async fn lane(server: &Server, seed: u64) -> Vec<(Mxc, usize)> {
    let (client, store) = (server.client(), &server.gateway.deps().store);
    let (mut dice, mut kept) = (Dice(seed), Vec::new());
    for _ in 0..DEEDS_OF_A_LANE {
        let which = dice.roll(BODIES);
        let body = format!("the same {which}");
        match dice.roll(8) {
            0..=2 => kept.push((client.upload(body, "a/b", "").await, which)),
            3 => {
                let (mxc, _) = client.create().await;
                assert_eq!(client.put(&mxc, body, "a/b", "").await.status, StatusCode::OK);
                kept.push((mxc, which));
            }
            _ if kept.is_empty() => {}
            _ => {
                let (mxc, _) = kept.swap_remove(dice.roll(kept.len()));
                assert!(store.erase(&mxc).await.unwrap().is_won());
            }
        }
    }
    kept
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_at_the_front_door_loses_nothing_and_leaves_nothing() {
    let server = Setup::new()
        .set("MEDIA_RATE_CREATE", "off")
        .set("MEDIA_UNLIMITED_USERS", "@alice:example.org")
        .start()
        .await;
    let lanes = join_all((0..LANES).map(|seed| lane(&server, seed))).await;
    let kept: Vec<_> = lanes.into_iter().flatten().collect();
    let objects = kept.iter().map(|(_, which)| *which).collect::<BTreeSet<_>>().len();
    eventually("spare objects to go", || async { (server.left_in_s3().await == (objects, 0)).then_some(()) })
        .await;
    let client = server.client();
    for (mxc, which) in &kept {
        let back = client.follow(client.download(mxc).await).await;
        assert_eq!((back.status, back.body), (StatusCode::OK, format!("the same {which}").into()), "{mxc}");
    }
    for which in 0..BODIES {
        let digest = digest_of(format!("the same {which}").as_bytes());
        let noted: BTreeSet<_> =
            server.references_to(&digest).await.iter().map(ToString::to_string).collect();
        let known = kept.iter().filter(|(_, is)| *is == which).map(|(mxc, _)| mxc.to_string());
        assert_eq!(noted, known.collect());
    }
    for (mxc, _) in &kept {
        assert!(server.gateway.deps().store.erase(mxc).await.unwrap().is_won());
    }
    assert_eq!(server.left_in_s3().await, (0, 0));
    let mut items = server.all_items().await;
    items.retain(|(pk, _)| !pk.starts_with("U#"));
    assert_eq!(items, []);
}
