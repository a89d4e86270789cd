//! A chat room over TCP: what one says, all the others read.
//!
//! ```text
//! cargo run --example chat                # listens on 127.0.0.1:7008
//! cargo run --example chat 0.0.0.0:9001   # or where it is told to
//! ```
//!
//! To try it, start `nc 127.0.0.1 7008` in two terminals. The first line that you type in each is a name; each further
//! line appears in the other. Ctrl-D leaves. Ctrl-C in the terminal of the room closes it for all.
//!
//! Nobody holds up the others: each client has a queue of lines and a task that writes them. Who reads so slowly that
//! the queue is full is out.

use async_channel::{Receiver, Sender, bounded};
use futures_lite::future::or;
use futures_lite::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy, sink};
use heist::net::{OwnedReadHalf, OwnedWriteHalf, TcpListener};
use heist::signal::ctrl_c;
use heist::time::{sleep, timeout};
use heist::{JoinSet, gather};
use std::collections::HashMap;
use std::io::{Error, Result};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// The longest line that a client may send, in bytes.
const LINE: usize = 1024;
/// How many lines may wait for a client to read them.
const QUEUE: usize = 256;
/// How long a client may take to say its name, and between two lines.
const NAME_LIMIT: Duration = Duration::from_secs(10);
const SILENCE_LIMIT: Duration = Duration::from_secs(600);
/// How long it may take until a client reads a line.
const WRITE_LIMIT: Duration = Duration::from_secs(30);
/// The pause after each line of a client, so that none fills the queues of the others faster than they are written.
const PAUSE: Duration = Duration::from_millis(1);
/// How long what a client still sends is read after its last line, as closing at once might destroy what it was told.
const LINGER: Duration = Duration::from_millis(500);
/// How long the clients may take to leave when the room closes.
const CLOSING: Duration = Duration::from_secs(1);

fn main() -> Result<()> {
    let address = std::env::args().nth(1);
    heist::run(serve(address.as_deref().unwrap_or("127.0.0.1:7008")))
}

async fn serve(address: &str) -> Result<()> {
    let stop = ctrl_c();
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let room = Arc::new(Room::default());
    let mut clients = JoinSet::new();
    or(stop, accept(listener, &room, &mut clients)).await?;

    room.close();
    let all_gone = async { while clients.join_next().await.is_some() {} };
    // Who does not leave by then is cut off by the end of the program.
    let _ = timeout(CLOSING, all_gone).await;
    Ok(())
}

/// Lets in whoever connects, without end.
async fn accept(listener: TcpListener, room: &Arc<Room>, clients: &mut JoinSet<()>) -> Result<()> {
    let mut id = 0;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                id += 1;
                let (queue, lines) = room.enter(id);
                let (reader, writer) = stream.into_split();
                let listening = listen(Arc::clone(room), id, reader, queue);
                clients.spawn(async move {
                    gather!(listening, tell(writer, lines)).await;
                });
            }
            // Mostly a lack of descriptors, which trying again at once would only make worse.
            Err(error) => {
                eprintln!("accept: {error}");
                sleep(Duration::from_millis(50)).await;
            }
        }
        // Those that have left meanwhile.
        while clients.try_join_next().is_some() {}
    }
}

type Reader = BufReader<OwnedReadHalf>;

/// Reads what the client says, until it leaves or is dismissed.
async fn listen(room: Arc<Room>, id: u64, reader: OwnedReadHalf, queue: Sender<Line>) {
    let mut reader = BufReader::new(reader);
    let dismissed = async {
        queue.closed().await;
        Ok(())
    };
    let end = or(dismissed, converse(&room, id, &mut reader)).await;
    room.leave(id, end.err());
    let _ = timeout(LINGER, copy(reader, sink())).await;
}

async fn converse(room: &Room, id: u64, reader: &mut Reader) -> Result<()> {
    let late = "you did not say your name in time";
    let name = next_line(reader, NAME_LIMIT, late).await?;
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return refuse("you need a name");
    };
    room.introduce(id, name);
    let late = "you were silent for too long";
    while let Some(text) = next_line(reader, SILENCE_LIMIT, late).await? {
        room.say(id, &text);
        sleep(PAUSE).await;
    }
    Ok(())
}

/// The next line, without its end; `None` if the client sends no more.
async fn next_line(reader: &mut Reader, limit: Duration, late: &str) -> Result<Option<String>> {
    let mut line = Vec::new();
    // One more, for the end of the line.
    let mut reader = reader.take(LINE as u64 + 1);
    match timeout(limit, reader.read_until(b'\n', &mut line)).await {
        Ok(read) => read?,
        Err(_) => return refuse(late),
    };
    if line.is_empty() {
        return Ok(None);
    }
    if line.len() > LINE && !line.ends_with(b"\n") {
        return refuse("your line was too long");
    }
    let text = String::from_utf8_lossy(&line);
    // Control characters could do anything to the terminals of the others.
    Ok(Some(text.trim_end().replace(char::is_control, "\u{fffd}")))
}

fn refuse<T>(reason: &str) -> Result<T> {
    Err(Error::other(reason))
}

/// Writes what is in the queue, until that is closed or the client does not read. Ends the stream then.
async fn tell(mut writer: OwnedWriteHalf, lines: Receiver<Line>) {
    let _ = writer.stream().set_nodelay(true);
    while let Ok(line) = lines.recv().await {
        let written = timeout(WRITE_LIMIT, writer.write_all(line.as_bytes())).await;
        let Ok(Ok(())) = written else { break };
    }
    lines.close();
}

/// A line with its end, shared by the queues that it is in.
type Line = Arc<str>;

struct Member {
    /// Empty until the client has said it. Till then it is told nothing.
    name: String,
    queue: Sender<Line>,
    /// The other end of the queue, to take out what was not read.
    unread: Receiver<Line>,
}

impl Member {
    /// Tells the client one last thing, for which there is room in any case.
    fn dismiss(&self, reason: &str) {
        let _ = self.queue.force_send(format!("* {reason}\n").into());
        self.queue.close();
    }
}

type Members = HashMap<u64, Member>;

/// Who is there. The lock is never held over an await.
#[derive(Default)]
struct Room(Mutex<Members>);

impl Room {
    fn members(&self) -> MutexGuard<'_, Members> {
        self.0.lock().expect("nobody panics while it is locked")
    }

    fn enter(&self, id: u64) -> (Sender<Line>, Receiver<Line>) {
        let (queue, unread) = bounded(QUEUE);
        let ends = (queue.clone(), unread.clone());
        let name = String::new();
        let member = Member {
            name,
            queue,
            unread,
        };
        self.members().insert(id, member);
        ends
    }

    fn introduce(&self, id: u64, name: String) {
        let mut members = self.members();
        if let Some(member) = members.get_mut(&id) {
            let line = format!("* {name} is here\n");
            member.name = name;
            broadcast(&mut members, line, None);
        }
    }

    fn say(&self, id: u64, text: &str) {
        let mut members = self.members();
        if let Some(member) = members.get(&id) {
            let line = format!("{}: {text}\n", member.name);
            broadcast(&mut members, line, Some(id));
        }
    }

    /// Takes a client out, if it still is there.
    fn leave(&self, id: u64, reason: Option<Error>) {
        let mut members = self.members();
        if let Some(member) = members.remove(&id) {
            match reason {
                Some(reason) => member.dismiss(&reason.to_string()),
                None => drop(member.queue.close()),
            }
            if !member.name.is_empty() {
                broadcast(&mut members, format!("* {} left\n", member.name), None);
            }
        }
    }

    fn close(&self) {
        for (_, member) in self.members().drain() {
            member.dismiss("the room closes");
        }
    }
}

/// Puts a line into all queues but that of `except`. Those whose queue is full go, and the others are told.
fn broadcast(members: &mut Members, line: String, mut except: Option<u64>) {
    let mut lines = vec![line];
    while let Some(line) = lines.pop() {
        let (line, except) = (Line::from(line), except.take());
        let slow = members.extract_if(|id, member| {
            let told = Some(*id) != except && !member.name.is_empty();
            told && member
                .queue
                .try_send(line.clone())
                .is_err_and(|e| e.is_full())
        });
        for (_, member) in slow {
            // What it has not read by now it need not read any more.
            while member.unread.try_recv().is_ok() {}
            member.dismiss("you were too slow to read");
            lines.push(format!("* {} was too slow to read\n", member.name));
        }
    }
}
