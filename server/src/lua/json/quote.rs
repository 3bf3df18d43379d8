//! A string as JSON has it, with the escapes of lua-cjson.

/// Whether a byte is written in another way.
const ESCAPED: [bool; 256] = {
    let mut escaped = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        escaped[byte] = true;
        byte += 1;
    }
    escaped[b'"' as usize] = true;
    escaped[b'\\' as usize] = true;
    escaped[b'/' as usize] = true;
    escaped[0x7f] = true;
    escaped
};

/// Appends a string with its quotation marks.
pub(super) fn append(out: &mut Vec<u8>, mut bytes: &[u8]) {
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    while let Some(plain) = bytes.iter().position(|byte| ESCAPED[usize::from(*byte)]) {
        let (before, rest) = bytes.split_at(plain);
        out.extend_from_slice(before);
        escape(out, rest[0]);
        bytes = &rest[1..];
    }
    out.extend_from_slice(bytes);
    out.push(b'"');
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS[usize::from(value)];
    match byte {
        b'"' | b'\\' | b'/' => out.extend([b'\\', byte]),
        0x08 => out.extend(b"\\b"),
        b'\t' => out.extend(b"\\t"),
        b'\n' => out.extend(b"\\n"),
        0x0c => out.extend(b"\\f"),
        b'\r' => out.extend(b"\\r"),
        _ => out.extend([b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]),
    }
}

#[cfg(test)]
mod tests {
    use super::append;

    #[test]
    fn every_byte_has_its_form() {
        for byte in 0..=255_u8 {
            let mut text = Vec::new();
            append(&mut text, &[b'a', byte, b'z']);
            let expected: Vec<u8> = match byte {
                b'"' | b'\\' | b'/' => vec![b'\\', byte],
                0x08 => b"\\b".to_vec(),
                0x09 => b"\\t".to_vec(),
                0x0a => b"\\n".to_vec(),
                0x0c => b"\\f".to_vec(),
                0x0d => b"\\r".to_vec(),
                0..0x20 | 0x7f => format!("\\u{byte:04x}").into_bytes(),
                _ => vec![byte],
            };
            assert_eq!(text, [b"\"a", &expected[..], b"z\""].concat());
        }
    }
}
