import Entities
import Foundation
import HTTP
import JSON
import Security
import Values

/// Makes and reads the cursors of lists: opaque to clients, signed, and bound to the tenant, the collection, the filter
/// and the order they were made for.
public struct Cursors: Sendable {
    private let key: [UInt8]
    private static let tagLength = 16

    /// - Parameter secret: the installation's; the same on every instance, or a page made by one is refused by another.
    public init(secret: String) { key = Digest.hmacSHA256(key: Array(secret.utf8), Array("cursors".utf8)).bytes }

    func make(_ position: [FieldValue], _ ordering: Ordering, binding: String) -> String {
        let payload = JSON.array(zip(ordering.keys, position).map { $0.encode($1) }).serialize()
        return Base64URL.encode(payload + tag(payload, binding))
    }

    /// - Throws: a 400 problem for a cursor that is not ours, was changed, or was made for another list.
    func read(_ text: String, _ ordering: Ordering, binding: String) throws(Problem) -> [FieldValue] {
        guard text.utf8.count <= 8_192, let bytes = Base64URL.decode(text), bytes.count > Self.tagLength else {
            throw Self.refused
        }
        let payload = Array(bytes.dropLast(Self.tagLength))
        guard constantTimeEquals(tag(payload, binding), Array(bytes.suffix(Self.tagLength))),
            let values = try? JSON.parse(payload).array, values.count == ordering.keys.count
        else { throw Self.refused }
        var position: [FieldValue] = []
        for (key, value) in zip(ordering.keys, values) {
            guard let value = key.decode(value) else { throw Self.refused }
            position.append(value)
        }
        return position
    }

    /// Of a list in the order of a number.
    public func make(number: Int64, binding: String) -> String { make(text: String(number), binding: binding) }

    public func readNumber(_ text: String, binding: String) throws(Problem) -> Int64 {
        guard let number = Int64(try readText(text, binding: binding)) else { throw Self.refused }
        return number
    }

    /// Of a list whose position is written by its endpoint.
    public func make(text: String, binding: String) -> String {
        let payload = Array(text.utf8)
        return Base64URL.encode(payload + tag(payload, binding))
    }

    public func readText(_ text: String, binding: String) throws(Problem) -> String {
        guard text.utf8.count <= 400, let bytes = Base64URL.decode(text), bytes.count > Self.tagLength else {
            throw Self.refused
        }
        let payload = Array(bytes.dropLast(Self.tagLength))
        guard constantTimeEquals(tag(payload, binding), Array(bytes.suffix(Self.tagLength))) else {
            throw Self.refused
        }
        return String(decoding: payload, as: UTF8.self)
    }

    private func tag(_ payload: [UInt8], _ binding: String) -> [UInt8] {
        Array(Digest.hmacSHA256(key: key, payload + [0] + Array(binding.utf8)).bytes.prefix(Self.tagLength))
    }

    /// The answer to a cursor that is not ours, was changed, or was made for another list.
    public static let refused = Problem.parameter(
        "cursor", code: "invalidCursor",
        .init(
            en:
                "Send nextCursor of the page before, with the same filter and sort; or leave cursor out to begin again.",
            zh: "请使用上一页返回的 nextCursor，且筛选和排序保持不变；或去掉 cursor 从头开始。"))
}
