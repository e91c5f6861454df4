import Entities
import Foundation
import HTTP
import Values

/// How long what was deleted can be had back: the one place of the number.
enum Restoring {
    static let days = 90
    private static let period = Duration.seconds(days * 86_400)

    /// Whether it is too late for what was deleted then.
    static func isOver(since deletion: Timestamp, at now: Timestamp) -> Bool { now - deletion > period }
}

extension Resource {
    /// Has back what was deleted.
    ///
    /// - Throws: 422 ``ProblemType/ruleViolated`` when that was too long ago.
    public func restore(_ key: String, _ context: WriteContext) async throws -> HTTPResponse {
        try await change(key, context, deleted: true) { old in
            if let deletion = old.deletedAt, Restoring.isOver(since: deletion, at: context.now) {
                throw Problem(
                    .ruleViolated,
                    .init(
                        en: "This was deleted more than \(Restoring.days) days ago and cannot be restored any more: "
                            + "enter it anew.",
                        zh: "该对象删除已超过 \(Restoring.days) 天，无法再恢复，请重新录入。"))
            }
            var new = old
            new.deletedAt = nil
            return try await rules.restoring(Modification(from: old, to: new, .restored), context)
        }
    }

    /// 409 for somebody who tells again what was deleted.
    func deletedSince(_ record: Record, at now: Timestamp) -> Problem {
        if let deletion = record.deletedAt, Restoring.isOver(since: deletion, at: now) {
            return Problem(
                .duplicate,
                .init(
                    en: "This was deleted more than \(Restoring.days) days ago and cannot be restored any more: "
                        + "enter it anew, with another externalId.",
                    zh: "该对象删除已超过 \(Restoring.days) 天，无法再恢复，请使用其他 externalId 重新录入。"))
        }
        let way = "POST \(path)/\(record.id.lowercased)/restore"
        return Problem(
            .duplicate,
            .init(en: "This was deleted; restore it with \(way).", zh: "该对象已被删除，可用 \(way) 恢复。"))
    }
}
