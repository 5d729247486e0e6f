//! The tags of optional parameters: names and kinds of value (SMPP 3.4, 5.3.2; SMPP 5.0, 4.8.4).

use std::fmt;

/// The tag of an optional parameter, known or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u16);

/// The form that the specification gives to a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlvKind {
    /// An integer of so many octets (1, 2 or 4).
    Integer(usize),
    /// An integer of at least and at most so many octets, where editions or peers differ.
    IntegerOf(usize, usize),
    /// An integer of one octet, or no octet at all: being there says enough.
    Flag,
    /// A state of 5.2.28, one octet.
    MessageState,
    /// A C-octet string of at most so many octets, the NUL included.
    Text(usize),
    /// An octet string: least and most octets.
    Octets(usize, usize),
}

macro_rules! tags {
    ($($konst:ident = $value:literal, $name:literal, $kind:expr;)*) => {
        impl Tag {
            $(#[doc = concat!("`", $name, "`")] pub const $konst: Self = Self($value);)*

            /// Every tag that has a name, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$konst),*];

            /// The name of the specification, e.g. `receipted_message_id`; `None` for an unknown tag.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($name),)*
                    _ => None,
                }
            }

            /// The form of the value; any octets for an unknown tag.
            #[must_use]
            pub fn kind(self) -> TlvKind {
                use TlvKind::{Flag, Integer, IntegerOf, MessageState, Octets, Text};
                match self.0 {
                    $($value => $kind,)*
                    _ => ANY,
                }
            }
        }
    };
}

const ANY: TlvKind = TlvKind::Octets(0, 0xFFFF);

/// 6 decimal digits by SMPP 5.0; peers send as many as their node has, and nothing hangs on it.
const NODE_ID: TlvKind = TlvKind::Octets(1, 6);

tags! {
    DEST_ADDR_SUBUNIT = 0x0005, "dest_addr_subunit", Integer(1);
    DEST_NETWORK_TYPE = 0x0006, "dest_network_type", Integer(1);
    DEST_BEARER_TYPE = 0x0007, "dest_bearer_type", Integer(1);
    DEST_TELEMATICS_ID = 0x0008, "dest_telematics_id", Integer(2);
    SOURCE_ADDR_SUBUNIT = 0x000D, "source_addr_subunit", Integer(1);
    SOURCE_NETWORK_TYPE = 0x000E, "source_network_type", Integer(1);
    SOURCE_BEARER_TYPE = 0x000F, "source_bearer_type", Integer(1);
    SOURCE_TELEMATICS_ID = 0x0010, "source_telematics_id", Integer(1);
    QOS_TIME_TO_LIVE = 0x0017, "qos_time_to_live", Integer(4);
    PAYLOAD_TYPE = 0x0019, "payload_type", Integer(1);
    ADDITIONAL_STATUS_INFO_TEXT = 0x001D, "additional_status_info_text", Text(256);
    RECEIPTED_MESSAGE_ID = 0x001E, "receipted_message_id", Text(65);
    MS_MSG_WAIT_FACILITIES = 0x0030, "ms_msg_wait_facilities", Integer(1);
    PRIVACY_INDICATOR = 0x0201, "privacy_indicator", Integer(1);
    SOURCE_SUBADDRESS = 0x0202, "source_subaddress", Octets(2, 23);
    DEST_SUBADDRESS = 0x0203, "dest_subaddress", Octets(2, 23);
    USER_MESSAGE_REFERENCE = 0x0204, "user_message_reference", Integer(2);
    USER_RESPONSE_CODE = 0x0205, "user_response_code", Integer(1);
    SOURCE_PORT = 0x020A, "source_port", Integer(2);
    DESTINATION_PORT = 0x020B, "destination_port", Integer(2);
    SAR_MSG_REF_NUM = 0x020C, "sar_msg_ref_num", Integer(2);
    LANGUAGE_INDICATOR = 0x020D, "language_indicator", Integer(1);
    SAR_TOTAL_SEGMENTS = 0x020E, "sar_total_segments", Integer(1);
    SAR_SEGMENT_SEQNUM = 0x020F, "sar_segment_seqnum", Integer(1);
    SC_INTERFACE_VERSION = 0x0210, "sc_interface_version", Integer(1);
    CALLBACK_NUM_PRES_IND = 0x0302, "callback_num_pres_ind", Integer(1);
    CALLBACK_NUM_ATAG = 0x0303, "callback_num_atag", Octets(0, 65);
    NUMBER_OF_MESSAGES = 0x0304, "number_of_messages", Integer(1);
    CALLBACK_NUM = 0x0381, "callback_num", Octets(4, 19);
    DPF_RESULT = 0x0420, "dpf_result", Integer(1);
    SET_DPF = 0x0421, "set_dpf", Integer(1);
    MS_AVAILABILITY_STATUS = 0x0422, "ms_availability_status", Integer(1);
    NETWORK_ERROR_CODE = 0x0423, "network_error_code", Octets(3, 3);
    MESSAGE_PAYLOAD = 0x0424, "message_payload", ANY;
    DELIVERY_FAILURE_REASON = 0x0425, "delivery_failure_reason", Integer(1);
    MORE_MESSAGES_TO_SEND = 0x0426, "more_messages_to_send", Integer(1);
    MESSAGE_STATE = 0x0427, "message_state", MessageState;
    CONGESTION_STATE = 0x0428, "congestion_state", Integer(1);
    USSD_SERVICE_OP = 0x0501, "ussd_service_op", Integer(1);
    BROADCAST_CHANNEL_INDICATOR = 0x0600, "broadcast_channel_indicator", Integer(1);
    BROADCAST_CONTENT_TYPE = 0x0601, "broadcast_content_type", Octets(3, 3);
    BROADCAST_CONTENT_TYPE_INFO = 0x0602, "broadcast_content_type_info", Octets(0, 255);
    BROADCAST_MESSAGE_CLASS = 0x0603, "broadcast_message_class", Integer(1);
    BROADCAST_REP_NUM = 0x0604, "broadcast_rep_num", IntegerOf(1, 2);
    BROADCAST_FREQUENCY_INTERVAL = 0x0605, "broadcast_frequency_interval", Octets(3, 3);
    BROADCAST_AREA_IDENTIFIER = 0x0606, "broadcast_area_identifier", Octets(1, 0xFFFF);
    BROADCAST_ERROR_STATUS = 0x0607, "broadcast_error_status", Integer(4);
    BROADCAST_AREA_SUCCESS = 0x0608, "broadcast_area_success", Integer(1);
    BROADCAST_END_TIME = 0x0609, "broadcast_end_time", Text(17);
    BROADCAST_SERVICE_GROUP = 0x060A, "broadcast_service_group", Octets(0, 255);
    BILLING_IDENTIFICATION = 0x060B, "billing_identification", Octets(1, 1024);
    SOURCE_NETWORK_ID = 0x060D, "source_network_id", Text(65);
    DEST_NETWORK_ID = 0x060E, "dest_network_id", Text(65);
    SOURCE_NODE_ID = 0x060F, "source_node_id", NODE_ID;
    DEST_NODE_ID = 0x0610, "dest_node_id", NODE_ID;
    DEST_ADDR_NP_RESOLUTION = 0x0611, "dest_addr_np_resolution", Integer(1);
    DEST_ADDR_NP_INFORMATION = 0x0612, "dest_addr_np_information", Octets(10, 10);
    DEST_ADDR_NP_COUNTRY = 0x0613, "dest_addr_np_country", Octets(1, 5);
    DISPLAY_TIME = 0x1201, "display_time", Integer(1);
    SMS_SIGNAL = 0x1203, "sms_signal", Integer(2);
    MS_VALIDITY = 0x1204, "ms_validity", Octets(1, 4);
    ALERT_ON_MESSAGE_DELIVERY = 0x130C, "alert_on_message_delivery", Flag;
    ITS_REPLY_TYPE = 0x1380, "its_reply_type", Integer(1);
    ITS_SESSION_INFO = 0x1383, "its_session_info", Octets(2, 2);
}

impl Tag {
    /// The tag of a name (in any case), or of a hexadecimal number such as `0x1401`.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        if let Some(digits) = name.strip_prefix("0x").or_else(|| name.strip_prefix("0X")) {
            // from_str_radix would take a sign.
            let plain = digits.bytes().all(|octet| octet.is_ascii_hexdigit());
            return u16::from_str_radix(digits, 16)
                .ok()
                .filter(|_| plain)
                .map(Self);
        }
        Self::ALL
            .iter()
            .copied()
            .find(|tag| tag.name().is_some_and(|own| own.eq_ignore_ascii_case(name)))
    }

    /// Whether a PDU may hold this parameter more than once: one for each callback number or each
    /// area of a broadcast (5.3.2.36 to 5.3.2.38; SMPP 5.0, 4.4.1).
    #[must_use]
    pub fn may_repeat(self) -> bool {
        matches!(
            self,
            Self::CALLBACK_NUM
                | Self::CALLBACK_NUM_PRES_IND
                | Self::CALLBACK_NUM_ATAG
                | Self::BROADCAST_AREA_IDENTIFIER
                | Self::BROADCAST_AREA_SUCCESS
        )
    }
}

/// The name, or a number such as `0x1401`.
impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:04x}", self.0),
        }
    }
}
