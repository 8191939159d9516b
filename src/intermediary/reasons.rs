//! Why a message is not forwarded.

use crate::reasons::reasons;
use crate::status::StatusCode;

reasons! {
    /// Why a message is not forwarded.
    pub enum ForwardFault {
        /// A connection option names a field that is for every recipient.
        EndToEndOption => "end-to-end-option", "RFC 9110 7.6.1";
        /// More connection options than can be meant.
        TooManyOptions => "too-many-options", "RFC 9110 5.6.1.2";
        /// A value that policy let in is not one that may be sent: a folded line of a response, or a control octet.
        FieldValue => "field-value", "RFC 9112 5.2";
        /// A target that can not be sent to this next hop: of no authority, or of a scheme that only a proxy knows.
        Target => "target", "RFC 9112 3.2";
        /// It has passed here before, as its `Via` says.
        Loop => "loop", "RFC 9110 7.6.3";
        /// A `Max-Forwards` of TRACE or OPTIONS that is no number, or more than one.
        MaxForwards => "max-forwards", "RFC 9110 7.6.2";
        /// A request whose content has no length, for a next hop that speaks HTTP/1.0.
        LengthRequired => "length-required", "RFC 9110 15.5.12";
        /// A head that is longer, with what is added to it, than there is room for.
        TooLong => "too-long", "RFC 6585 5";
    }
}

impl ForwardFault {
    /// The status with which a request is refused. A response is replaced by 502 for each of these.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::EndToEndOption | Self::TooManyOptions | Self::FieldValue | Self::Target | Self::MaxForwards => {
                StatusCode::BAD_REQUEST
            }
            Self::Loop => StatusCode::BAD_GATEWAY,
            Self::LengthRequired => StatusCode::LENGTH_REQUIRED,
            Self::TooLong => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        }
    }
}

impl core::error::Error for ForwardFault {}
