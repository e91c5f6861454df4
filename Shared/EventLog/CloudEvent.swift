import Foundation
import JSON
import Values

/// Something that happened to an aggregate: CloudEvents 1.0 with the extensions `tenantid`, `sequence`,
/// `partitionkey`, `traceparent` and `actor`.
public struct CloudEvent: Sendable, Hashable {
    public var id: UUID
    /// Who says so: the service, as "/leads".
    public var source: String
    /// What happened: "lead.created".
    public var type: String
    /// Kind of the aggregate: "lead".
    public var aggregateType: String
    /// Identity of the aggregate within its tenant and kind.
    public var aggregateID: String
    public var time: Timestamp
    public var tenant: TenantID
    /// The aggregate's version after this event; contiguous from 1.
    public var sequence: Int64
    /// W3C trace context of the request that caused it.
    public var traceparent: String?
    /// Subject id of the person or machine that caused it.
    public var actor: String?
    /// `nil` is a tombstone: the aggregate's events may be forgotten; or whoever reads it asked for less (``DataForm``).
    public var data: JSON?
    /// The data as the record's JSON text, for readers that asked for it so.
    public var text: [UInt8]?

    public init(
        id: UUID, source: String, type: String, aggregateType: String, aggregateID: String, time: Timestamp,
        tenant: TenantID, sequence: Int64, traceparent: String? = nil, actor: String? = nil, data: JSON?
    ) {
        self.id = id
        self.source = source
        self.type = type
        self.aggregateType = aggregateType
        self.aggregateID = aggregateID
        self.time = time
        self.tenant = tenant
        self.sequence = sequence
        self.traceparent = traceparent
        self.actor = actor
        self.data = data
        text = nil
    }

    /// The data as JSON text, wherever they are from.
    public var json: [UInt8]? { text ?? data?.serialize() }

    /// CloudEvents `subject`: kind and identity of the aggregate.
    public var subject: String { "\(aggregateType)/\(aggregateID)" }

    /// Key of the record; all events of one aggregate share it.
    public var partitionKey: String { "\(tenant)/\(aggregateID)" }
}

/// What a reader of events asks for of their data.
public enum DataForm: Sendable, Comparable {
    case nothing
    /// The JSON text as it stands in the record, not looked into: for those who pass it on.
    case text
    case tree
}
