//! What can go wrong with Kafka, and what follows from it.
//!
//! In: librdkafka's error codes. Out: one of a closed set of troubles. Nothing is done here.

use rdkafka::types::RDKafkaErrorCode as Code;

/// Why a record was not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Trouble {
    /// No broker, or none that answers in time.
    Unreachable,
    /// The request's own patience ended before Kafka's answer.
    AckTimeout,
    /// More waits for Kafka than there is room for.
    QueueFull,
    /// Too few replicas are in sync, or their disks fail.
    Replicas,
    /// Kafka would take the record if it were set up otherwise: credentials, permissions, topics.
    Config,
    /// The broker refused a batch as too large: any record of it, or only all together.
    BatchTooLarge,
    /// This record cannot be taken, whatever is done: too large.
    TooLarge,
    /// This record cannot be taken, whatever is done: not valid for the topic.
    Invalid,
    /// Another record of its batch was not valid, and the broker took none.
    Neighbour,
    /// The producer has lost its thread and must be made anew.
    Fatal,
    /// It was taken back, because the producer is made anew or the process ends.
    Purged,
    /// librdkafka says that it was delivered, and no broker has said so.
    Unconfirmed,
    Other,
}

/// What becomes of a record that was not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// It waits in the spool until Kafka takes it.
    Spool,
    /// It goes to the rejected stream, as a specimen.
    Reject,
}

impl Trouble {
    pub(super) const ALL: [Self; 13] = [
        Self::Unreachable,
        Self::AckTimeout,
        Self::QueueFull,
        Self::Replicas,
        Self::Config,
        Self::BatchTooLarge,
        Self::TooLarge,
        Self::Invalid,
        Self::Neighbour,
        Self::Fatal,
        Self::Purged,
        Self::Unconfirmed,
        Self::Other,
    ];

    /// The closed metric label.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::AckTimeout => "ack_timeout",
            Self::QueueFull => "queue_full",
            Self::Replicas => "replicas",
            Self::Config => "config",
            Self::BatchTooLarge => "batch_too_large",
            Self::TooLarge => "too_large",
            Self::Invalid => "invalid",
            Self::Neighbour => "neighbour",
            Self::Fatal => "fatal",
            Self::Purged => "purged",
            Self::Unconfirmed => "unconfirmed",
            Self::Other => "other",
        }
    }

    pub(super) const fn remedy(self) -> Remedy {
        match self {
            Self::TooLarge | Self::Invalid => Remedy::Reject,
            Self::Unreachable
            | Self::AckTimeout
            | Self::QueueFull
            | Self::Replicas
            | Self::Config
            | Self::BatchTooLarge
            | Self::Neighbour
            | Self::Fatal
            | Self::Purged
            | Self::Unconfirmed
            | Self::Other => Remedy::Spool,
        }
    }

    /// Whether Kafka may have the record all the same, so that sending it again makes two.
    pub(super) const fn may_have_arrived(self) -> bool {
        match self {
            Self::Unreachable
            | Self::Replicas
            | Self::Fatal
            | Self::Purged
            | Self::Unconfirmed
            | Self::Other => true,
            // What librdkafka still has is remembered, and not sent again when it arrives.
            Self::AckTimeout => false,
            Self::QueueFull
            | Self::Config
            | Self::BatchTooLarge
            | Self::TooLarge
            | Self::Invalid
            | Self::Neighbour => false,
        }
    }

    /// Whether it says something about Kafka, and not about one record or about us.
    pub(super) const fn is_outage(self) -> bool {
        match self {
            Self::Unreachable
            | Self::AckTimeout
            | Self::Replicas
            | Self::Config
            | Self::QueueFull
            // The next producer may end the same way, as without permissions.
            | Self::Fatal
            | Self::Other => true,
            Self::BatchTooLarge
            | Self::TooLarge
            | Self::Invalid
            | Self::Neighbour
            | Self::Purged
            | Self::Unconfirmed => false,
        }
    }
}

impl From<Code> for Trouble {
    /// Codes that librdkafka retries by itself arrive here only when it has given up.
    fn from(code: Code) -> Self {
        match code {
            Code::BrokerTransportFailure
            | Code::MessageTimedOut
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::TimedOutQueue
            | Code::RequestTimedOut
            | Code::BrokerNotAvailable
            | Code::NetworkException
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::DestroyBroker => Self::Unreachable,
            Code::QueueFull => Self::QueueFull,
            Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::ISRInsufficient
            | Code::KafkaStorageError => Self::Replicas,
            Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
            | Code::SSL
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::UnknownPartition
            | Code::InvalidTopic
            | Code::InvalidRequiredAcks
            | Code::UnsupportedCompressionType
            | Code::UnsupportedFeature
            | Code::UnsupportedVersion
            | Code::PolicyViolation => Self::Config,
            Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::MessageBatchTooLarge => {
                Self::TooLarge
            }
            Code::InvalidRecord | Code::InvalidTimestamp => Self::Invalid,
            Code::InvalidDifferentRecord => Self::Neighbour,
            Code::Fatal | Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => {
                Self::Fatal
            }
            Code::PurgeQueue | Code::PurgeInflight => Self::Purged,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_record_does_is_not_held_against_kafka() {
        for trouble in Trouble::ALL {
            assert!(
                trouble.remedy() == Remedy::Spool || !trouble.is_outage(),
                "{} would open the breaker for others",
                trouble.label()
            );
        }
        assert_eq!(Trouble::from(Code::MessageSizeTooLarge).remedy(), Remedy::Reject);
        assert_eq!(Trouble::from(Code::InvalidRecord).remedy(), Remedy::Reject);
        // The next record of the batch is judged by itself, and may be sound.
        let neighbour = Trouble::from(Code::InvalidDifferentRecord);
        assert!(neighbour.remedy() == Remedy::Spool && !neighbour.may_have_arrived());
        // A corrupt message (CRC) may be one of the network; the record itself is sound.
        assert_eq!(Trouble::from(Code::InvalidMessage).remedy(), Remedy::Spool);
    }

    #[test]
    fn nothing_that_passes_costs_a_record() {
        for code in [
            Code::MessageTimedOut,
            Code::TopicAuthorizationFailed,
            Code::UnknownTopic,
            Code::NotEnoughReplicas,
            Code::QueueFull,
            Code::PurgeInflight,
            Code::Fatal,
            Code::Unknown,
        ] {
            assert_eq!(Trouble::from(code).remedy(), Remedy::Spool, "{code:?}");
        }
    }
}
