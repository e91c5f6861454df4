import Foundation
import JSON
import Values

/// A record that is no CloudEvent of ours.
public struct CloudEventError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

extension CloudEvent {
    /// Names of the record headers, in CloudEvents' binary mode for Kafka.
    enum Header {
        static let contentType = "content-type"
        static let specVersion = "ce_specversion"
        static let id = "ce_id"
        static let source = "ce_source"
        static let type = "ce_type"
        static let subject = "ce_subject"
        static let time = "ce_time"
        static let tenant = "ce_tenantid"
        static let sequence = "ce_sequence"
        static let partitionKey = "ce_partitionkey"
        static let traceparent = "ce_traceparent"
        static let actor = "ce_actor"
    }

    /// The record that carries this event.
    public var record: EventRecord { record(body: json) }

    /// The record that carries this event with a body serialized before.
    func record(body: [UInt8]?) -> EventRecord {
        let key = partitionKey
        var headers = HeaderBlock(minimumCapacity: 640)
        headers.append(Header.specVersion, "1.0")
        headers.append(Header.id, id.lowercased)
        headers.append(Header.source, source)
        headers.append(Header.type, type)
        headers.append(Header.subject, subject)
        headers.append(Header.time, time.description)
        headers.append(Header.tenant, tenant.text)
        headers.append(Header.sequence, String(sequence))
        headers.append(Header.partitionKey, key)
        if let traceparent { headers.append(Header.traceparent, traceparent) }
        if let actor { headers.append(Header.actor, actor) }
        if body != nil { headers.append(Header.contentType, "application/json") }
        return EventRecord(key: key, headers: headers, body: body)
    }

    /// Reads an event from a record.
    ///
    /// - Parameter form: what is asked for of the data of an event of that type.
    public init(_ record: EventRecord, form: (String) -> DataForm = { _ in .tree }) throws(CloudEventError) {
        self = try Headers(record).event()
        guard let body = record.body else { return }
        switch form(type) {
        case .nothing: return
        case .text: text = body
        case .tree:
            do { data = try JSON.parse(body) } catch {
                throw CloudEventError("The body of \(type) \(id.lowercased) is not JSON. \(error)")
            }
        }
    }
}

/// The headers of a record as texts.
private struct Headers {
    private var version, id, source, type, subject, time, tenant, sequence: String?
    private var traceparent, actor: String?

    init(_ record: EventRecord) throws(CloudEventError) {
        try record.headers.forEachField { (name, value) throws(CloudEventError) in
            try take(String(decoding: name, as: UTF8.self), value)
        }
        guard version == "1.0" else {
            throw CloudEventError("The record \(record.key) is no CloudEvent 1.0 in binary mode.")
        }
    }

    private mutating func take(_ name: String, _ value: UnsafeRawBufferPointer) throws(CloudEventError) {
        guard name.hasPrefix("ce_") else { return }
        guard let text = String(validating: value, as: UTF8.self) else {
            throw CloudEventError("Header \(name) is not UTF-8.")
        }
        switch name {
        case CloudEvent.Header.specVersion: version = text
        case CloudEvent.Header.id: id = text
        case CloudEvent.Header.source: source = text
        case CloudEvent.Header.type: type = text
        case CloudEvent.Header.subject: subject = text
        case CloudEvent.Header.time: time = text
        case CloudEvent.Header.tenant: tenant = text
        case CloudEvent.Header.sequence: sequence = text
        case CloudEvent.Header.traceparent: traceparent = text
        case CloudEvent.Header.actor: actor = text
        default: break
        }
    }

    /// The event they tell, without its data.
    func event() throws(CloudEventError) -> CloudEvent {
        let (kind, aggregate) = try aggregate()
        return CloudEvent(
            id: try parsed(id, CloudEvent.Header.id, "a UUID") { UUID($0) },
            source: try text(source, CloudEvent.Header.source), type: try text(type, CloudEvent.Header.type),
            aggregateType: kind, aggregateID: aggregate,
            time: try parsed(time, CloudEvent.Header.time, "a time") { Timestamp($0) },
            tenant: try parsed(tenant, CloudEvent.Header.tenant, "a tenant's id") { TenantID($0) },
            sequence: try parsed(sequence, CloudEvent.Header.sequence, "a positive number") {
                Int64($0).flatMap { $0 > 0 ? $0 : nil }
            },
            traceparent: traceparent, actor: actor, data: nil)
    }

    private func text(_ value: String?, _ name: String) throws(CloudEventError) -> String {
        guard let value, !value.isEmpty else { throw CloudEventError("Header \(name) is missing.") }
        return value
    }

    private func parsed<Value>(
        _ value: String?, _ name: String, _ kind: String, _ parse: (String) -> Value?
    ) throws(CloudEventError) -> Value {
        let value = try text(value, name)
        guard let parsed = parse(value) else { throw CloudEventError("Header \(name) is not \(kind): \(value)") }
        return parsed
    }

    private func aggregate() throws(CloudEventError) -> (kind: String, id: String) {
        let value = try text(subject, CloudEvent.Header.subject)
        guard let slash = value.firstIndex(of: "/") else {
            throw CloudEventError("Header \(CloudEvent.Header.subject) is not <kind>/<id>: \(value)")
        }
        return (String(value[..<slash]), String(value[value.index(after: slash)...]))
    }
}
