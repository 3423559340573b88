//! A document on its way from families to bytes.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use tallied::exposition::{Format, openmetrics, protobuf, text};
use tallied::{ReadError, Registered};

use super::buffers::{Buffer, Buffers};
use super::coding::Coding;
use super::scrape_request::ScrapeRequest;

/// What is rendered is compressed in portions of at least this size, so that never more than
/// a portion and a family is kept as it is.
const PORTION: usize = 64 * 1024;

/// A whole document, as it is sent.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) bytes: Buffer,
    pub(super) figures: Figures,
}

/// What is measured of a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    /// Its size before it was compressed.
    pub(super) size_bytes: usize,
    /// Those that Prometheus makes of it.
    pub(super) samples: u64,
}

/// A document that is being written.
pub(super) struct Draft {
    /// What was not compressed yet.
    written: Written,
    /// The most that it was at once, when it was last compressed.
    most_written: usize,
    /// How much of it has its lines counted.
    counted: usize,
    samples: u64,
    compressed: Option<GzEncoder<Vec<u8>>>,
    compressed_from: usize,
    /// Where its memory is from; `None` where it has its own.
    buffers: Option<Buffers>,
}

enum Written {
    Text(String),
    OpenMetrics(String, openmetrics::Options),
    Protobuf(Vec<u8>),
}

impl Written {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) | Self::OpenMetrics(text, _) => text.as_bytes(),
            Self::Protobuf(messages) => messages,
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Text(text) | Self::OpenMetrics(text, _) => text.clear(),
            Self::Protobuf(messages) => messages.clear(),
        }
    }

    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) | Self::OpenMetrics(text, _) => text.into_bytes(),
            Self::Protobuf(messages) => messages,
        }
    }
}

impl Draft {
    pub(super) fn new(request: &ScrapeRequest, buffers: &Buffers) -> Self {
        // A selection is small as a rule, and could be read for long.
        let buffers = request.selection.is_everything().then(|| buffers.clone());
        let bytes = || buffers.as_ref().map_or_else(Vec::new, Buffers::take);
        let text = || String::from_utf8(bytes()).expect("it is empty");
        let written = match request.format {
            Format::Protobuf => Written::Protobuf(bytes()),
            Format::OpenMetrics => {
                let options = openmetrics::Options::default().with_created(request.created);
                Written::OpenMetrics(text(), options)
            }
            _ => Written::Text(text()),
        };
        let compressed = match request.coding {
            Coding::Identity => None,
            // The fastest level: the network is nearer than the processor is idle.
            Coding::Gzip => Some(GzEncoder::new(bytes(), Compression::fast())),
        };
        Self {
            written,
            most_written: 0,
            counted: 0,
            samples: 0,
            compressed,
            compressed_from: 0,
            buffers,
        }
    }

    /// Appends a metric; nothing of it where that fails.
    pub(super) fn write(&mut self, metric: &Registered) -> Result<(), ReadError> {
        match &mut self.written {
            Written::Text(text) => text::encode_metric(text, metric),
            Written::OpenMetrics(text, options) => options.encode_metric(text, metric),
            Written::Protobuf(messages) => {
                self.samples += protobuf::encode_metric_counted(messages, metric)?;
                Ok(())
            }
        }
    }

    /// The text, to append lines to; `None` where the format is none of text.
    #[cfg(feature = "prometheus-client")]
    pub(super) fn text(&mut self) -> Option<&mut String> {
        match &mut self.written {
            Written::Text(text) | Written::OpenMetrics(text, _) => Some(text),
            Written::Protobuf(_) => None,
        }
    }

    /// To be called when a family is written: it will not be taken back any more. `None` where
    /// the document is no longer wanted.
    pub(super) fn take_on(&mut self, wanted: &dyn Fn() -> bool) -> Option<()> {
        self.count();
        if self.compressed.is_some() && self.written.bytes().len() >= PORTION {
            self.compress(wanted)?;
        }
        wanted().then_some(())
    }

    /// The document; `None` where it is no longer wanted.
    pub(super) fn finish(mut self, wanted: &dyn Fn() -> bool) -> Option<Document> {
        if let Written::OpenMetrics(text, _) = &mut self.written {
            openmetrics::encode_eof(text);
        }
        self.count();
        self.compress(wanted)?;
        let size_bytes = self.compressed_from + self.written.bytes().len();
        let written = self.written.into_bytes();
        let bytes = match self.compressed {
            None => written,
            Some(encoder) => {
                if let Some(buffers) = &self.buffers {
                    buffers.give(written, self.most_written);
                }
                encoder.finish().expect("a Vec takes every byte")
            }
        };
        Some(Document {
            bytes: Buffer::new(bytes, self.buffers),
            figures: Figures {
                size_bytes,
                samples: self.samples,
            },
        })
    }

    fn count(&mut self) {
        if let Written::Text(text) | Written::OpenMetrics(text, _) = &self.written {
            self.samples += samples(&text.as_bytes()[self.counted..]);
            self.counted = text.len();
        }
    }

    /// Compresses what was written so far, if it is to be, and forgets it.
    fn compress(&mut self, wanted: &dyn Fn() -> bool) -> Option<()> {
        let Some(encoder) = &mut self.compressed else {
            return Some(());
        };
        for portion in self.written.bytes().chunks(PORTION) {
            encoder.write_all(portion).expect("a Vec takes every byte");
            if !wanted() {
                return None;
            }
        }
        let written = self.written.bytes().len();
        self.compressed_from += written;
        self.most_written = self.most_written.max(written);
        self.written.clear();
        self.counted = 0;
        Some(())
    }
}

/// Lines that are no comments. The text consists of whole lines.
fn samples(lines: &[u8]) -> u64 {
    let first = lines.first().is_some_and(|byte| *byte != b'#');
    let next = lines.get(1..).unwrap_or_default();
    // So many that a byte can count them: a compiler then looks at a vector of bytes at a time.
    let pairs = lines.chunks(255).zip(next.chunks(255));
    let begun = pairs.map(|(bytes, next)| {
        let begins = |(byte, next): (&u8, &u8)| u8::from(*byte == b'\n' && *next != b'#');
        u64::from(bytes.iter().zip(next).map(begins).sum::<u8>())
    });
    begun.sum::<u64>() + u64::from(first)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use tallied::exposition::Format;

    use super::{Buffers, Coding, Draft, PORTION, ScrapeRequest, Written, samples};
    use crate::scrape::selection::Selection;

    fn text(coding: Coding) -> Draft {
        let request = ScrapeRequest {
            format: Format::Text,
            content_type: Format::Text.content_type(),
            created: false,
            coding,
            selection: Selection::of(None).unwrap(),
        };
        Draft::new(&request, &Buffers::default())
    }

    fn push(draft: &mut Draft, lines: &str) {
        let Written::Text(text) = &mut draft.written else {
            panic!("it was made for text");
        };
        text.push_str(lines);
    }

    #[test]
    fn comments_are_no_samples() {
        for (text, count) in [
            ("", 0),
            ("# EOF\n", 0),
            (
                "# HELP a A\n# TYPE a gauge\na{b=\"#\"} 1\na{b=\"\\n#\"} 1\n# EOF\n",
                2,
            ),
            ("a 1\n# TYPE b gauge\nb 1\n", 2),
        ] {
            assert_eq!(samples(text.as_bytes()), count, "{text:?}");
        }
        // However long a line is: what is counted at a time may end within it, or behind it.
        for length in 240..270 {
            let line = "a".repeat(length) + "\n";
            let text = ["# b\n", &line, "\n", "# c\n", &line].concat();
            assert_eq!(samples(text.as_bytes()), 3, "{length}");
        }
        assert_eq!(samples("\n".repeat(1_000).as_bytes()), 1_000);
    }

    #[test]
    fn families_of_any_size_come_out_of_gzip_as_they_went_in() {
        let mut drafts = [Coding::Identity, Coding::Gzip].map(text);
        for size in [10, PORTION - 5, 3 * PORTION, 1, PORTION] {
            for draft in &mut drafts {
                push(draft, &("x".repeat(size) + "\n"));
                draft.take_on(&|| true).unwrap();
            }
            assert!(drafts[1].written.bytes().len() < PORTION);
        }
        let [plain, gzip] = drafts.map(|draft| draft.finish(&|| true).unwrap());
        let mut decoded = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(&*gzip.bytes);
        decoder.read_to_end(&mut decoded).unwrap();
        assert_eq!(decoded, *plain.bytes);
        assert!(gzip.bytes.len() < PORTION);
        assert_eq!((plain.figures.samples, gzip.figures.samples), (5, 5));
        assert_eq!(gzip.figures.size_bytes, plain.bytes.len());
        assert_eq!(plain.figures.size_bytes, plain.bytes.len());
    }

    #[test]
    fn compressing_ends_when_nobody_wants_it() {
        let mut draft = text(Coding::Gzip);
        push(&mut draft, &"x\n".repeat(10 * PORTION));
        let asked = std::cell::Cell::new(0);
        let wanted = || {
            asked.set(asked.get() + 1);
            asked.get() < 3
        };
        assert!(draft.take_on(&wanted).is_none());
        assert_eq!(asked.get(), 3);
    }
}
