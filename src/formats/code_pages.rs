//! DOS code pages that the WHATWG Encoding standard does not have: the characters of the bytes from 0x80 on.
//!
//! The tables are those of the Unicode Consortium (`VENDORS/MICSFT/PC`).

/// A single-byte charset whose first half is ASCII.
#[derive(Debug, PartialEq, Eq)]
pub struct CodePage {
    /// The IANA name.
    pub name: &'static str,
    /// The labels, in lower case.
    labels: &'static [&'static str],
    /// The characters of the bytes from 0x80 on.
    high: &'static str,
}

impl CodePage {
    /// The code page with this label, in any case.
    pub fn for_label(label: &str) -> Option<&'static Self> {
        let label = label.trim().to_ascii_lowercase();
        let mut pages = PAGES.into_iter();
        pages.find(|page| page.labels.contains(&label.as_str()))
    }

    /// The characters of the bytes from 0x80 on.
    pub fn high(&self) -> [char; 128] {
        let mut table = ['\u{fffd}'; 128];
        for (place, char) in table.iter_mut().zip(self.high.chars()) {
            *place = char;
        }
        table
    }
}

/// DOS in the United States.
pub static IBM437: CodePage = CodePage {
    name: "IBM437",
    labels: &["ibm437", "cp437", "437", "cspc8codepage437"],
    high: "\
        ÇüéâäàåçêëèïîìÄÅ\
        ÉæÆôöòûùÿÖÜ¢£¥₧ƒ\
        áíóúñÑªº¿⌐¬½¼¡«»\
        ░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
        └┴┬├─┼╞╟╚╔╩╦╠═╬╧\
        ╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
        αßΓπΣσµτΦΘΩδ∞φε∩\
        ≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}\
        ",
};

/// DOS in Western Europe.
pub static IBM850: CodePage = CodePage {
    name: "IBM850",
    labels: &["ibm850", "cp850", "850", "cspc850multilingual"],
    high: "\
        ÇüéâäàåçêëèïîìÄÅ\
        ÉæÆôöòûùÿÖÜø£Ø×ƒ\
        áíóúñÑªº¿®¬½¼¡«»\
        ░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
        └┴┬├─┼ãÃ╚╔╩╦╠═╬¤\
        ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀\
        ÓßÔÒõÕµþÞÚÛÙýÝ¯´\
        \u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}\
        ",
};

/// DOS in Central Europe.
pub static IBM852: CodePage = CodePage {
    name: "IBM852",
    labels: &["ibm852", "cp852", "852", "cspcp852"],
    high: "\
        ÇüéâäůćçłëŐőîŹÄĆ\
        ÉĹĺôöĽľŚśÖÜŤťŁ×č\
        áíóúĄąŽžĘę¬źČş«»\
        ░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐\
        └┴┬├─┼Ăă╚╔╩╦╠═╬¤\
        đĐĎËďŇÍÎě┘┌█▄ŢŮ▀\
        ÓßÔŃńňŠšŔÚŕŰýÝţ´\
        \u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}\
        ",
};

/// IBM850 with the euro sign.
pub static IBM858: CodePage = CodePage {
    name: "IBM00858",
    labels: &["ibm00858", "ibm858", "cp858", "858", "cp00858"],
    high: "\
        ÇüéâäàåçêëèïîìÄÅ\
        ÉæÆôöòûùÿÖÜø£Ø×ƒ\
        áíóúñÑªº¿®¬½¼¡«»\
        ░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
        └┴┬├─┼ãÃ╚╔╩╦╠═╬¤\
        ðÐÊËÈ€ÍÎÏ┘┌█▄¦Ì▀\
        ÓßÔÒõÕµþÞÚÛÙýÝ¯´\
        \u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}\
        ",
};

/// DOS in Turkey.
pub static IBM857: CodePage = CodePage {
    name: "IBM857",
    labels: &["ibm857", "cp857", "857"],
    high: "\
        ÇüéâäàåçêëèïîıÄÅ\
        ÉæÆôöòûùİÖÜø£ØŞş\
        áíóúñÑĞğ¿®¬½¼¡«»\
        ░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
        └┴┬├─┼ãÃ╚╔╩╦╠═╬¤\
        ºªÊËÈ\u{fffd}ÍÎÏ┘┌█▄¦Ì▀\
        ÓßÔÒõÕµ\u{fffd}×ÚÛÙìÿ¯´\
        \u{ad}±\u{fffd}¾¶§÷¸°¨·¹³²■\u{a0}\
        ",
};

/// All code pages.
static PAGES: [&CodePage; 5] = [&IBM437, &IBM850, &IBM852, &IBM858, &IBM857];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_128_characters_and_a_name_that_is_a_label() {
        for page in PAGES {
            assert_eq!(page.high.chars().count(), 128, "{}", page.name);
            assert_eq!(CodePage::for_label(page.name), Some(page));
        }
        assert_eq!(CodePage::for_label(" CP850 "), Some(&IBM850));
        assert_eq!(CodePage::for_label("cp1252"), None);
    }

    #[test]
    fn code_pages_map_bytes_to_letters() {
        let char = |page: &CodePage, byte: u8| page.high()[usize::from(byte) - 0x80];
        assert_eq!((char(&IBM437, 0x81), char(&IBM437, 0xe1)), ('ü', 'ß'));
        assert_eq!((char(&IBM850, 0x9d), char(&IBM850, 0xb5)), ('Ø', 'Á'));
        assert_eq!((char(&IBM852, 0x88), char(&IBM852, 0xfd)), ('ł', 'ř'));
        assert_eq!((char(&IBM857, 0x8d), char(&IBM857, 0xa7)), ('ı', 'ğ'));
        assert_eq!((char(&IBM850, 0xd5), char(&IBM858, 0xd5)), ('ı', '€'));
    }
}
