//! The two versions of SOAP: 1.1 (W3C Note of 2000) and 1.2 (W3C Recommendation of 2007).

use crate::wire::media_type::MediaType;

/// A SOAP version, determined by the namespace of the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoapVersion {
    /// `http://schemas.xmlsoap.org/soap/envelope/`
    V11,
    /// `http://www.w3.org/2003/05/soap-envelope`
    V12,
}

impl SoapVersion {
    /// The version with this envelope namespace.
    pub fn of_namespace(namespace: &str) -> Option<Self> {
        [SoapVersion::V11, SoapVersion::V12]
            .into_iter()
            .find(|v| v.namespace() == namespace)
    }

    /// The namespace of the envelope.
    pub fn namespace(self) -> &'static str {
        match self {
            SoapVersion::V11 => "http://schemas.xmlsoap.org/soap/envelope/",
            SoapVersion::V12 => "http://www.w3.org/2003/05/soap-envelope",
        }
    }

    /// The media type of an envelope, without its charset.
    pub fn media_type(self) -> &'static str {
        match self {
            SoapVersion::V11 => "text/xml",
            SoapVersion::V12 => "application/soap+xml",
        }
    }

    /// The media type of an answer.
    pub fn content_type(self) -> &'static str {
        match self {
            SoapVersion::V11 => "text/xml; charset=utf-8",
            SoapVersion::V12 => "application/soap+xml; charset=utf-8",
        }
    }

    /// The version to answer in until the envelope has been read.
    pub fn guess(content_type: Option<&MediaType>) -> Self {
        let says_so = |text: &str| text.to_ascii_lowercase().contains("application/soap+xml");
        match content_type {
            Some(media) if says_so(&media.essence) => SoapVersion::V12,
            Some(media)
                if ["type", "start-info"]
                    .iter()
                    .any(|p| media.param(p).is_some_and(says_so)) =>
            {
                SoapVersion::V12
            }
            _ => SoapVersion::V11,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(content_type: &str) -> SoapVersion {
        SoapVersion::guess(MediaType::parse(content_type).ok().as_ref())
    }

    #[test]
    fn content_type_gives_the_version_before_the_envelope_is_read() {
        assert_eq!(guess("text/xml"), SoapVersion::V11);
        assert_eq!(
            guess("application/soap+xml; charset=utf-8"),
            SoapVersion::V12
        );
        let related = "multipart/related; boundary=b; type=\"application/xop+xml\"; start-info=";
        assert_eq!(guess(&format!("{related}\"text/xml\"")), SoapVersion::V11);
        assert_eq!(
            guess(&format!("{related}\"application/soap+xml\"")),
            SoapVersion::V12
        );
    }
}
