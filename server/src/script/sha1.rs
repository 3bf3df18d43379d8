//! SHA-1, by which scripts are called (FIPS 180-4, section 6.1). A name here, not a protection.

/// Bytes of a block.
const BLOCK: usize = 64;

/// The digest in forty lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> [u8; 40] {
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let mut blocks = bytes.chunks_exact(BLOCK);
    for block in &mut blocks {
        absorb(&mut state, block);
    }
    let mut tail = [0_u8; 2 * BLOCK];
    let rest = blocks.remainder();
    tail[..rest.len()].copy_from_slice(rest);
    tail[rest.len()] = 0x80;
    // The length in bits ends the last block, if it still fits into this one.
    let end = if rest.len() + 9 <= BLOCK { BLOCK } else { 2 * BLOCK };
    tail[end - 8..end].copy_from_slice(&(bytes.len() as u64 * 8).to_be_bytes());
    for block in tail[..end].chunks_exact(BLOCK) {
        absorb(&mut state, block);
    }
    let mut digits = [0_u8; 40];
    let nibbles = state.iter().flat_map(|word| (0..8).map(move |at| word >> (28 - 4 * at) & 15));
    for (digit, nibble) in digits.iter_mut().zip(nibbles) {
        *digit = b"0123456789abcdef"[nibble as usize];
    }
    digits
}

fn absorb(state: &mut [u32; 5], block: &[u8]) {
    let mut words = [0_u32; 80];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    for at in 16..80 {
        let mixed = words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16];
        words[at] = mixed.rotate_left(1);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for (at, &word) in words.iter().enumerate() {
        let (mixed, constant) = match at / 20 {
            0 => ((b & c) | (!b & d), 0x5a82_7999),
            1 => (b ^ c ^ d, 0x6ed9_eba1),
            2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6_u32),
        };
        let next = a
            .rotate_left(5)
            .wrapping_add(mixed)
            .wrapping_add(e)
            .wrapping_add(constant)
            .wrapping_add(word);
        (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
    }
    for (sum, word) in state.iter_mut().zip([a, b, c, d, e]) {
        *sum = sum.wrapping_add(word);
    }
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn known_digests_come_out() {
        for (text, digest) in [
            (Vec::new(), "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            (b"abc".to_vec(), "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (vec![b'a'; 1_000_000], "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
            (vec![b'a'; 55], "c1c8bbdc22796e28c0e15163d20899b65621d65a"),
            (vec![b'a'; 56], "c2db330f6083854c99d4b5bfb6e8f29f201be699"),
            (vec![b'a'; 64], "0098ba824b5c16427bd7a1122a5a442a25ec644d"),
        ] {
            assert_eq!(std::str::from_utf8(&hex(&text)).expect("ASCII"), digest, "{}", text.len());
        }
    }
}
