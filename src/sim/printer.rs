//! The sandbox printer: a TCP port that prints on pictures, answers questions about itself, and runs out of paper.
//!
//! Owns the sockets' lives and the folder of slips. Written apart from the terminal's encoder and shares nothing
//! with it but the codec of GB 18030. What a slip printer does is in `device`, its commands in `reader`, its
//! paper in `raster`.

mod device;
mod page;
mod raster;
mod reader;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use device::Device;
pub use device::{Slip, State};
use reader::{Op, Reader};

/// How to run the printer.
#[derive(Clone, Debug)]
pub struct PrinterOptions {
    /// Where slips are left as `0001.txt` and `0001.png`.
    pub dir: PathBuf,
    /// TCP port on loopback; 0 picks one.
    pub port: u16,
    /// Port of the bench page on loopback; 0 picks one.
    pub page_port: u16,
    /// Dots across: 384 for 58 mm paper, 576 for 80 mm.
    pub dots: u32,
}

/// A running printer; stops when dropped.
pub struct SandboxPrinter {
    /// TCP port.
    pub port: u16,
    /// Port of the bench page.
    pub page_port: u16,
    device: Shared,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl Drop for SandboxPrinter {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl SandboxPrinter {
    /// Somebody opens the cover, takes the paper out, puts it back.
    pub fn set(&self, state: State) {
        lock(&self.device).set(state);
    }

    /// The roll ends after so many more lines.
    pub fn lines_left(&self, lines: u32) {
        lock(&self.device).lines_left = Some(lines);
    }

    /// Waits until so many slips are out.
    pub async fn wait_for(&self, count: usize) -> Vec<Slip> {
        let mut told = lock(&self.device).told.subscribe();
        // The sender lives as long as the device.
        told.wait_for(|out| *out >= count).await.ok();
        self.slips()
    }

    /// Returns what came out so far, oldest first.
    pub fn slips(&self) -> Vec<Slip> {
        lock(&self.device).slips.clone()
    }
}

type Shared = Arc<Mutex<Device>>;

fn lock(device: &Shared) -> MutexGuard<'_, Device> {
    device.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the printer on loopback.
///
/// # Errors
/// The folder cannot be made, or a port is taken.
pub async fn serve_printer(options: PrinterOptions) -> io::Result<SandboxPrinter> {
    std::fs::create_dir_all(&options.dir)?;
    let device = Arc::new(Mutex::new(Device::new(options.dir, options.dots)));
    let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let listener = TcpListener::bind(loopback(options.port)).await?;
    let pages = TcpListener::bind(loopback(options.page_port)).await?;
    let (port, page_port) = (listener.local_addr()?.port(), pages.local_addr()?.port());
    let routes = page::routes(Arc::clone(&device));
    let own = Arc::clone(&device);
    let printing = tokio::spawn(async move {
        // One at a time, as such printers do.
        while let Ok((stream, _)) = listener.accept().await {
            if lock(&own).state != State::Off {
                // Whoever is cut off in the middle is the terminal's to deal with.
                converse(stream, &own).await.ok();
                lock(&own).end_of_talk();
            }
        }
    });
    let showing = tokio::spawn(async move {
        axum::serve(pages, routes).await.ok();
    });
    Ok(SandboxPrinter {
        port,
        page_port,
        device,
        tasks: [printing, showing],
    })
}

/// How often a printer that stands still looks whether it can go on.
const STANDSTILL: Duration = Duration::from_millis(20);

/// Takes what one sender says. Questions are answered at once, also while the printer stands still.
async fn converse(mut stream: TcpStream, device: &Shared) -> io::Result<()> {
    let mut reader = Reader::default();
    let mut waiting = std::collections::VecDeque::new();
    let mut buffer = [0; 4096];
    loop {
        tokio::select! {
            read = stream.read(&mut buffer) => {
                let count = read?;
                if count == 0 {
                    break;
                }
                for op in reader.take(&buffer[..count]) {
                    if let Op::Question(n) = op {
                        let answer = lock(device).answer(n);
                        stream.write_all(&[answer]).await?;
                    } else {
                        waiting.push_back(op);
                    }
                }
            }
            () = tokio::time::sleep(STANDSTILL), if !waiting.is_empty() => {}
        }
        if lock(device).state == State::Off {
            return Ok(());
        }
        while let Some(op) = waiting.front() {
            let reply = match lock(device).print(op) {
                Ok(reply) => reply,
                Err(device::StandsStill) => break,
            };
            waiting.pop_front();
            if let Some(byte) = reply {
                stream.write_all(&[byte]).await?;
            }
        }
    }
    // A printer prints what it holds when the sender has gone.
    for op in waiting {
        if lock(device).print(&op).is_err() {
            break;
        }
    }
    Ok(())
}
