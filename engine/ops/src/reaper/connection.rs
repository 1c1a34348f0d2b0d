//! One connection: its lines, and the answer to each.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{mpsc, oneshot};

use super::listeners::Stream;
use crate::escape;

/// No client needs a longer line; Ryuk takes none either.
const MAX_FILTER_LENGTH: u64 = 64 * 1024;

/// What the connections send to the session.
#[derive(Debug)]
pub(super) enum Said {
    /// A line came, and waits for an answer.
    Line {
        /// Without its line break.
        line: Vec<u8>,
        answer: oneshot::Sender<Answer>,
    },
    /// A client is gone.
    Gone,
}

/// What is sent to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Its filter is written down.
    Acknowledged,
    /// It is not, and why.
    Refused(String),
}

impl Answer {
    fn text(&self) -> String {
        match self {
            Answer::Acknowledged => "ACK\n".to_owned(),
            Answer::Refused(why) => format!("ERR {}\n", escape::text(why)),
        }
    }
}

/// Reads a connection until it ends.
pub(super) async fn read(stream: Stream, say: mpsc::Sender<Said>) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = (&mut stream).take(MAX_FILTER_LENGTH);
        let read = limited.read_until(b'\n', &mut line).await;
        if !read.is_ok_and(|length| length > 0) {
            break;
        }
        let is_whole = line.pop_if(|byte| *byte == b'\n').is_some();
        let answer = match is_whole {
            true => ask(&say, line.clone()).await,
            // Half of a filter would match more than was meant.
            false => Some(Answer::Refused(
                "a filter must end with a line break within 64 KiB".into(),
            )),
        };
        let Some(answer) = answer else { break };
        let written = stream.write_all(answer.text().as_bytes()).await;
        if written.is_err() || !is_whole {
            break;
        }
    }
    say.send(Said::Gone).await.ok();
}

/// What the session answers; `None` if it has ended.
async fn ask(say: &mpsc::Sender<Said>, line: Vec<u8>) -> Option<Answer> {
    let (answer, answered) = oneshot::channel();
    say.send(Said::Line { line, answer }).await.ok()?;
    answered.await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_line_whatever_the_client_wrote() {
        let refused = Answer::Refused("`a\nACK` is not a filter".into());
        assert_eq!(refused.text().matches('\n').count(), 1);
        assert!(refused.text().starts_with("ERR "));
    }
}
