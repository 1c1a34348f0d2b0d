//! Makes bad inputs of good ones.

use serde_json::Value;

/// The input of a number that is one of the corpus itself.
pub fn good(corpus: &[Vec<u8>], number: u64) -> Option<&Vec<u8>> {
    let place = usize::try_from(number).ok()?;
    corpus.get(place)
}

/// The input of a number. The first ones are the corpus itself.
pub fn input(corpus: &[Vec<u8>], number: u64) -> Vec<u8> {
    if let Some(good) = good(corpus, number) {
        return good.clone();
    }
    let mut random = fastrand::Rng::with_seed(number);
    let mut bytes = corpus[random.usize(0..corpus.len())].clone();
    let times = if random.bool() {
        1
    } else {
        random.usize(2..=4)
    };
    for _ in 0..times {
        if random.bool()
            && let Some(mutated) = as_json(&bytes, &mut random)
        {
            bytes = mutated;
        } else {
            as_bytes(&mut bytes, corpus, &mut random);
        }
    }
    bytes
}

/// What parsers stumble over.
const WORDS: [&str; 20] = [
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    "-0.0",
    "18446744073709551616",
    "9223372036854775807",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\u{202e}",
    "\u{1b}[2J",
    "\r\n",
    "Retry-After: 99999999999999999999",
    "Retry-After: -1",
    "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT",
    "Transfer-Encoding: chunked",
    "Content-Length: 0",
    "\u{0}",
];

fn as_bytes(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut fastrand::Rng) {
    let at = random.usize(0..=bytes.len());
    let end = (at + random.usize(0..64)).min(bytes.len());
    match random.u8(0..7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(0..8),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        3 => bytes.truncate(at),
        4 => {
            let other = &corpus[random.usize(0..corpus.len())];
            let from = random.usize(0..=other.len());
            bytes.splice(at.., other[from..].iter().copied());
        }
        5 => bytes.insert(at, random.u8(..)),
        _ => {
            let word = WORDS[random.usize(0..WORDS.len())];
            bytes.splice(at..end, word.bytes());
        }
    }
}

/// Changes one value of a JSON text; of an HTTP answer, of its body.
fn as_json(bytes: &[u8], random: &mut fastrand::Rng) -> Option<Vec<u8>> {
    let body = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4);
    let mut value: Value = serde_json::from_slice(&bytes[body.unwrap_or(0)..]).ok()?;
    let nodes = count(&value);
    let mut target = random.usize(0..nodes);
    change(&mut value, &mut target, random);
    let text = value.to_string();
    let Some(body) = body else {
        return Some(text.into_bytes());
    };
    // With the right length, so that the body is read at all.
    let head = String::from_utf8_lossy(&bytes[..body - 4]);
    let head: Vec<&str> = head
        .split("\r\n")
        .filter(|line| !line.to_lowercase().starts_with("content-length"))
        .collect();
    let length = text.len();
    Some(
        format!(
            "{}\r\nContent-Length: {length}\r\n\r\n{text}",
            head.join("\r\n")
        )
        .into_bytes(),
    )
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// Changes the value with this number.
fn change(value: &mut Value, number: &mut usize, random: &mut fastrand::Rng) {
    if *number == 0 {
        *value = other(value, random);
        *number = usize::MAX;
        return;
    }
    *number -= 1;
    match value {
        Value::Array(items) => {
            for item in items {
                if *number == usize::MAX {
                    return;
                }
                change(item, number, random);
            }
        }
        Value::Object(fields) => {
            for field in fields.values_mut() {
                if *number == usize::MAX {
                    return;
                }
                change(field, number, random);
            }
        }
        _ => {}
    }
}

fn other(value: &Value, random: &mut fastrand::Rng) -> Value {
    match random.u8(0..12) {
        0 => Value::Null,
        1 => Value::Bool(random.bool()),
        2 => random.i64(..).into(),
        3 => u64::MAX.into(),
        4 => (-1).into(),
        5 => 1e300.into(),
        6 => Value::String("x".repeat(random.usize(0..100_000))),
        7 => Value::String("\u{1b}]0;x\u{7}\u{202e}\r\n\u{0}\u{2028}".to_owned()),
        8 => Value::Array(vec![value.clone(); random.usize(0..50)]),
        9 => (0..random.usize(1..120)).fold(value.clone(), |inner, _| Value::Array(vec![inner])),
        10 => serde_json::json!({ "": value.clone(), "x": value.clone() }),
        _ => match value {
            // One that is nearly right.
            Value::String(text) => {
                let cut = random.usize(0..=text.chars().count());
                Value::String(text.chars().take(cut).collect())
            }
            Value::Number(number) => (number.as_i64().unwrap_or_default().wrapping_add(1)).into(),
            other => other.clone(),
        },
    }
}
