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
    public var record: EventRecord { record(body: data?.serialize()) }

    /// The record that carries this event with a body serialized before.
    func record(body: [UInt8]?) -> EventRecord {
        var headers = [
            EventHeader(Header.specVersion, "1.0"),
            EventHeader(Header.id, id.lowercased),
            EventHeader(Header.source, source),
            EventHeader(Header.type, type),
            EventHeader(Header.subject, subject),
            EventHeader(Header.time, time.description),
            EventHeader(Header.tenant, tenant.text),
            EventHeader(Header.sequence, String(sequence)),
            EventHeader(Header.partitionKey, partitionKey),
        ]
        if let traceparent { headers.append(EventHeader(Header.traceparent, traceparent)) }
        if let actor { headers.append(EventHeader(Header.actor, actor)) }
        if body != nil { headers.append(EventHeader(Header.contentType, "application/json")) }
        return EventRecord(key: partitionKey, headers: headers, body: body)
    }

    /// Reads an event from a record.
    ///
    /// - Parameter isWanted: whether the data of an event of that type is to be parsed; `data` is `nil` where not.
    public init(_ record: EventRecord, isWanted: (String) -> Bool = { _ in true }) throws(CloudEventError) {
        let headers = try Headers(record)
        let (kind, aggregate) = try headers.subject()
        self.init(
            id: try headers.parsed(Header.id, "a UUID", UUID.init(uuidString:)),
            source: try headers.text(Header.source), type: try headers.text(Header.type), aggregateType: kind,
            aggregateID: aggregate, time: try headers.parsed(Header.time, "a time") { Timestamp($0) },
            tenant: try headers.parsed(Header.tenant, "a tenant's id") { TenantID($0) },
            sequence: try headers.parsed(Header.sequence, "a positive number") {
                Int64($0).flatMap { $0 > 0 ? $0 : nil }
            },
            traceparent: headers.values[Header.traceparent], actor: headers.values[Header.actor], data: nil)
        guard let body = record.body, isWanted(type) else { return }
        do { data = try JSON.parse(body) } catch {
            throw CloudEventError("The body of \(type) \(id.lowercased) is not JSON. \(error)")
        }
    }
}

/// The headers of a record as texts.
private struct Headers {
    var values: [String: String] = [:]

    init(_ record: EventRecord) throws(CloudEventError) {
        for header in record.headers {
            guard let text = String(validating: header.value, as: UTF8.self) else {
                if header.name.hasPrefix("ce_") { throw CloudEventError("Header \(header.name) is not UTF-8.") }
                continue
            }
            values[header.name] = text
        }
        guard values[CloudEvent.Header.specVersion] == "1.0" else {
            throw CloudEventError("The record \(record.key) is no CloudEvent 1.0 in binary mode.")
        }
    }

    func text(_ name: String) throws(CloudEventError) -> String {
        guard let value = values[name], !value.isEmpty else { throw CloudEventError("Header \(name) is missing.") }
        return value
    }

    func parsed<Value>(_ name: String, _ kind: String, _ parse: (String) -> Value?) throws(CloudEventError) -> Value {
        let value = try text(name)
        guard let parsed = parse(value) else { throw CloudEventError("Header \(name) is not \(kind): \(value)") }
        return parsed
    }

    func subject() throws(CloudEventError) -> (kind: String, id: String) {
        let value = try text(CloudEvent.Header.subject)
        guard let slash = value.firstIndex(of: "/") else {
            throw CloudEventError("Header \(CloudEvent.Header.subject) is not <kind>/<id>: \(value)")
        }
        return (String(value[..<slash]), String(value[value.index(after: slash)...]))
    }
}
