import Foundation
import HTTP
import ServiceKit
import Values

/// Who writes, for which tenant, when: everything a write knows besides what it changes.
public struct WriteContext: Sendable {
    public let tenant: TenantID
    public let principal: Principal
    public let now: Timestamp
    /// When it was asked for: `now`, but of a row of an import when the file came.
    public let askedAt: Timestamp
    /// When it happened, for facts of the past told now; else `now`.
    public let occurredAt: Timestamp
    public let traceparent: String?
    public let ifMatch: VersionCondition?
    /// In which the answer is read.
    public let language: Language
    let idempotency: IdempotencyClaim?

    public init(
        tenant: TenantID, principal: Principal, now: Timestamp = Timestamp.now().wholeMilliseconds,
        occurredAt: Timestamp? = nil, askedAt: Timestamp? = nil,
        traceparent: String? = TraceContext.current?.traceparent, ifMatch: VersionCondition? = nil
    ) {
        self.init(
            tenant: tenant, principal: principal, now: now, occurredAt: occurredAt, askedAt: askedAt,
            traceparent: traceparent, ifMatch: ifMatch, language: principal.language ?? .english, idempotency: nil)
    }

    init(
        tenant: TenantID, principal: Principal, now: Timestamp, occurredAt: Timestamp?, askedAt: Timestamp? = nil,
        traceparent: String?, ifMatch: VersionCondition?, language: Language, idempotency: IdempotencyClaim?
    ) {
        self.tenant = tenant
        self.principal = principal
        self.now = now
        self.occurredAt = occurredAt ?? now
        self.askedAt = askedAt ?? now
        self.traceparent = traceparent
        self.ifMatch = ifMatch
        self.language = language
        self.idempotency = idempotency
    }

    /// The person who acts; nil for a machine.
    public var userID: UUID? { principal.kind == .user ? principal.subjectID : nil }

    /// The same write, to have one effect by another claim than its `Idempotency-Key`.
    func once(_ claim: IdempotencyClaim) -> WriteContext {
        WriteContext(
            tenant: tenant, principal: principal, now: now, occurredAt: occurredAt, askedAt: askedAt,
            traceparent: traceparent, ifMatch: ifMatch, language: language, idempotency: claim)
    }

    /// The same write with its time of happening.
    ///
    /// - Throws: 403 without the permission to record the past, 422 for a time in the future or out of bounds.
    public func happened(at time: Timestamp?) throws(Problem) -> WriteContext {
        guard let time else { return self }
        guard principal.may("backdate") else {
            throw Problem(
                .forbidden,
                .init(
                    en: "Leave out occurredAt: recording the past needs the permission backdate.",
                    zh: "请勿填写 occurredAt：补录过去的事项需要 backdate 权限。"))
        }
        guard time <= now + .seconds(60), time >= Self.earliest else {
            let message = LocalizedText(
                en: "occurredAt must lie between 1990 and now.", zh: "occurredAt 须在 1990 年至当前时间之间。")
            throw .validation([FieldError("/occurredAt", code: "outOfRange", message)])
        }
        return happening(at: time)
    }

    /// The same write with the time that was accepted when it was begun. A clock that was put back since may not know
    /// that time yet: what was accepted is done nevertheless, now.
    public func begun(at time: Timestamp?) -> WriteContext { happening(at: min(time ?? now, now)) }

    private func happening(at time: Timestamp) -> WriteContext {
        WriteContext(
            tenant: tenant, principal: principal, now: now, occurredAt: time, askedAt: askedAt,
            traceparent: traceparent, ifMatch: ifMatch, language: language, idempotency: idempotency)
    }

    /// The same write, now: each part of a long one has the time at which it is done, so that who follows changes by their
    /// time finds it behind what he saw.
    func goingOn() -> WriteContext {
        let later = max(now, Timestamp.now().wholeMilliseconds)
        return WriteContext(
            tenant: tenant, principal: principal, now: later, occurredAt: occurredAt == now ? later : occurredAt,
            askedAt: askedAt, traceparent: traceparent, ifMatch: ifMatch, language: language, idempotency: idempotency)
    }

    /// The same write, of this version of the object alone.
    func requiring(version: Int64) -> WriteContext {
        WriteContext(
            tenant: tenant, principal: principal, now: now, occurredAt: occurredAt, askedAt: askedAt,
            traceparent: traceparent, ifMatch: .oneOf([version]), language: language, idempotency: idempotency)
    }

    private static let earliest = CalendarDate(days: 7305).start(in: .gmt)
}

extension Call {
    /// The context of a write that this call asks for.
    ///
    /// - Parameter body: of the request; a repeated `Idempotency-Key` must come with the same. Made only where there is one.
    public func writeContext(body: @autoclosure () -> [UInt8] = []) throws(Problem) -> WriteContext {
        let principal = try caller
        let key = request.method == .post ? try idempotencyKey() : nil
        return WriteContext(
            tenant: try tenant, principal: principal, now: Timestamp.now().wholeMilliseconds, occurredAt: nil,
            traceparent: TraceContext.current?.traceparent, ifMatch: try ifMatch(), language: language,
            idempotency: key.map { IdempotencyClaim(key: $0, call: self, principal: principal, body: body()) })
    }
}
