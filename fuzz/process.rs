//! Worker processes, kept to limits and begun anew where they die.

use crate::case::Case;
use crate::target::FuzzTarget;
use crate::verdict::{Fault, Verdict};
use crate::worker::{FOLDER, MARK, ROLE, SERVE, SOW, TARGET, culprit};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What a worker is allowed for a case.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub time: Duration,
    /// Address space in bytes, what the program itself takes included.
    pub memory: u64,
}

/// A worker that judges cases of one target; a new process takes over where one has died.
pub struct Workers<'a> {
    target: &'a FuzzTarget,
    limits: Limits,
    folder: TempDir,
    running: Option<Running>,
}

struct Running {
    child: Child,
    input: ChildStdin,
    verdicts: Receiver<Verdict>,
}

impl<'a> Workers<'a> {
    /// No process yet.
    pub fn new(target: &'a FuzzTarget, limits: Limits) -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("nextframe-fuzz-")
            .tempdir()?;
        Ok(Self {
            target,
            limits,
            folder,
            running: None,
        })
    }

    /// What becomes of a case.
    pub fn ask(&mut self, case: &Case) -> io::Result<Verdict> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start()?,
        };
        // Where the process has died, the pipe says so, and then its status.
        let sent = case.send(&mut running.input);
        let verdict = match running.wait(self.limits.time) {
            Ok(verdict) => verdict,
            Err(RecvTimeoutError::Timeout) => {
                let says = format!("no end within {:?}", self.limits.time);
                Verdict::Failed(Fault::Hang, String::new(), says)
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = running.child.wait()?;
                let (place, says) = self.last_words(status, sent);
                Verdict::Failed(Fault::Death, place, says)
            }
        };
        match verdict {
            // It is a word, no more.
            Verdict::Failed(Fault::Lines, ..) => self.running = Some(running),
            // Whatever state it left behind is not the next case's.
            Verdict::Failed(..) => running.end()?,
            _ => self.running = Some(running),
        }
        Ok(verdict)
    }

    /// The target's seeds, made by a process of their own, which says more than anyone
    /// wants to know.
    pub fn seeds(&self) -> io::Result<Vec<Case>> {
        let folder = self.folder.path().join("seeds");
        let status = self.command(SOW, &folder)?.status()?;
        if !status.success() {
            return Err(io::Error::other(self.last_words(status, Ok(())).1));
        }
        let mut seeds = Vec::new();
        for index in 0.. {
            let path = folder.join(format!("{index:03}"));
            if !path.exists() {
                break;
            }
            seeds.push(Case::read(&path)?);
        }
        Ok(seeds)
    }

    /// Begins a new process for the next case.
    pub fn renew(&mut self) -> io::Result<()> {
        self.running.take().map_or(Ok(()), Running::end)
    }

    /// This program as a worker, within the limits.
    fn command(&self, role: &str, folder: &Path) -> io::Result<Command> {
        let kibibytes = (self.limits.memory >> 10).to_string();
        // Not all systems limit memory; none is to write what is left of a process.
        let script = "ulimit -v \"$0\" 2>/dev/null; ulimit -c 0 2>/dev/null; exec \"$@\"";
        let mut command = Command::new("sh");
        command
            .args(["-c", script, &kibibytes])
            .arg(std::env::current_exe()?)
            .env(ROLE, role)
            .env(TARGET, self.target.name)
            .env(FOLDER, folder)
            .env("NEXTFRAME_CACHE", self.folder.path().join("cache"))
            .env("RAYON_NUM_THREADS", "1")
            .env("RUST_BACKTRACE", "1")
            // Of panics only: candle's errors would have them, too.
            .env("RUST_LIB_BACKTRACE", "0")
            .env_remove("RUST_LOG")
            .stdout(Stdio::null())
            .stderr(File::create(self.errors())?);
        if cfg!(test) {
            // The program of the tests has no other way in.
            command.args(["--exact", "smoke::worker", "--ignored"]);
        }
        Ok(command)
    }

    fn start(&self) -> io::Result<Running> {
        let folder = self.folder.path().join("case");
        let mut child = self
            .command(SERVE, &folder)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = pipes else {
            return Err(io::Error::other("a worker without pipes"));
        };
        let verdicts = listen(output);
        Ok(Running {
            child,
            input,
            verdicts,
        })
    }

    fn errors(&self) -> PathBuf {
        self.folder.path().join("errors")
    }

    /// Where a process ended, how, and what it said.
    fn last_words(&self, status: ExitStatus, sent: io::Result<()>) -> (String, String) {
        let errors = fs::read(self.errors()).unwrap_or_default();
        let errors = String::from_utf8_lossy(&errors);
        let first = errors.lines().find(|line| is_reason(line));
        let about = match (first, sent) {
            (Some(first), _) => first.to_owned(),
            (None, Err(error)) => error.to_string(),
            (None, Ok(())) => "without a word".to_owned(),
        };
        (culprit(&errors), format!("{about} ({status})"))
    }
}

/// Whether a line says why a process ends.
fn is_reason(line: &str) -> bool {
    [
        "error:",
        "memory allocation",
        "overflowed its stack",
        "panicked",
        "fatal",
    ]
    .iter()
    .any(|word| line.contains(word))
}

/// Times the limit that a process may wait for others.
const PATIENCE: u32 = 12;

impl Running {
    /// The next verdict. What counts is the time that the process works, since the machine
    /// may be busy with others.
    fn wait(&self, limit: Duration) -> Result<Verdict, RecvTimeoutError> {
        let (begun, before) = (Instant::now(), self.worked());
        loop {
            let found = self.verdicts.recv_timeout(limit / 20);
            let over = match (before, self.worked()) {
                (Some(before), Some(now)) => now - before >= limit,
                _ => begun.elapsed() >= limit,
            };
            let over = over || begun.elapsed() >= PATIENCE * limit;
            if found != Err(RecvTimeoutError::Timeout) || over {
                return found;
            }
        }
    }

    /// How long the process has worked, where the system says so (proc(5): in hundredths of
    /// a second, the 14th and 15th word).
    fn worked(&self) -> Option<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The second word is a name, which may hold anything.
        let (_, words) = stat.rsplit_once(") ")?;
        let times = words.split(' ').skip(11).take(2);
        let ticks: Vec<u64> = times.map(str::parse).collect::<Result<_, _>>().ok()?;
        Some(Duration::from_millis(10 * ticks.iter().sum::<u64>()))
    }

    fn end(self) -> io::Result<()> {
        let Self {
            mut child, input, ..
        } = self;
        drop(input);
        // It may be dead already.
        let _ = child.kill();
        child.wait().map(drop)
    }
}

impl Drop for Workers<'_> {
    fn drop(&mut self) {
        // The folder goes with it; nothing else can be done here.
        let _ = self.renew();
    }
}

/// Verdicts as they come.
fn listen(output: ChildStdout) -> Receiver<Verdict> {
    let (say, verdicts) = channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(output);
        let mut line = Vec::new();
        while lines
            .read_until(b'\n', &mut line)
            .is_ok_and(|count| count > 0)
        {
            let verdict = line.strip_prefix(MARK.as_bytes());
            let verdict = verdict.and_then(|text| serde_json::from_slice(text).ok());
            if let Some(verdict) = verdict
                && say.send(verdict).is_err()
            {
                return;
            }
            line.clear();
        }
    });
    verdicts
}
