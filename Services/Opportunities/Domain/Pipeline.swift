import Foundation
import Values

/// A name in the languages of the product.
struct Label: Sendable, Hashable {
    var en: String
    var zh: String

    func text(_ language: String) -> String { language.hasPrefix("zh") ? zh : en }
}

/// A step of a pipeline 阶段 with its configured win rate 赢单率.
struct Stage: Sendable, Hashable {
    /// Stable within the pipeline, e.g. `proposal`.
    var key: String
    var label: Label
    /// Percent, 0…100.
    var winRate: Int

    /// The last stage: being in it is having won.
    var isSigned: Bool { winRate == 100 }
}

/// The stages that opportunities of a business line go through.
///
/// A changed pipeline is a new version; open opportunities finish on theirs or are migrated by a mapping of stages.
struct Pipeline: Sendable, Hashable {
    var id: UUID
    var version: Int
    var name: String
    var businessLineID: UUID?
    var stages: [Stage]

    subscript(key: String) -> Stage? { stages.first { $0.key == key } }
    var first: Stage? { stages.first }
    var signed: Stage? { stages.last }

    static let maximumStages = 30

    /// Refuses stages that no opportunity could pass through, or whose figures would mean nothing.
    static func validate(_ stages: [Stage]) throws(Refusal) {
        func refuse(_ code: String, _ path: String, _ english: String, _ chinese: String) -> Refusal {
            Refusal(.rule, code, at: path, english, zh: chinese)
        }
        guard (2...maximumStages).contains(stages.count) else {
            throw refuse("stageCount", "/stages", "A pipeline has 2 to 30 stages.", "销售流程需有 2 至 30 个阶段。")
        }
        var keys: Set<String> = []
        for (index, stage) in stages.enumerated() {
            let path = "/stages/\(index)"
            guard !stage.key.isEmpty, stage.key.utf8.count <= 40, stage.key.utf8.allSatisfy(isKeyByte) else {
                throw refuse(
                    "stageKey", path + "/key", "A stage's key has 1 to 40 letters, digits, - or _.",
                    "阶段标识须为 1 至 40 个字母、数字、- 或 _。")
            }
            guard keys.insert(stage.key).inserted else {
                throw refuse(
                    "stageKey", path + "/key", "Two stages have the key \(stage.key).", "阶段标识 \(stage.key) 重复。")
            }
            guard (0...100).contains(stage.winRate) else {
                throw refuse("winRate", path + "/winRate", "A win rate is 0 to 100 percent.", "赢单率须在 0 至 100 之间。")
            }
            guard stage.isSigned == (index == stages.count - 1) else {
                throw refuse(
                    "signedStage", path + "/winRate", "The last stage, and only it, has a win rate of 100.",
                    "只有最后一个阶段的赢单率为 100。")
            }
        }
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        (97...122).contains(byte | 0x20) || (48...57).contains(byte) || byte == 0x2D || byte == 0x5F
    }
}

/// Pipelines that ship with the product.
struct PipelineTemplate: Sendable, Hashable {
    let key: String
    let label: Label
    let stages: [Stage]

    static let all = [simple, decisionChain, project]

    static let simple = PipelineTemplate(
        key: "simple", label: Label(en: "Simple", zh: "简单销售流程"),
        stages: [
            stage("contact", "First contact", "初步接洽", 10),
            stage("needs", "Needs", "需求", 30),
            stage("proposal", "Proposal", "方案", 50),
            stage("negotiation", "Quote and negotiation", "报价谈判", 70),
            stage("signed", "Signed", "签单", 100),
        ])

    static let decisionChain = PipelineTemplate(
        key: "decisionChain", label: Label(en: "Decision chain", zh: "决策链"),
        stages: [
            stage("contact", "First contact", "初步接洽", 10),
            stage("supporter", "A supporter", "有支持者", 30),
            stage("keySupporter", "Key supporter", "关键人物支持", 70),
            stage("covered", "Other key persons covered", "其他关键人物已覆盖", 80),
            stage("bid", "Proposal and bid", "方案与投标", 90),
            stage("signed", "Signed", "签单", 100),
        ])

    static let project = PipelineTemplate(
        key: "project", label: Label(en: "Project", zh: "项目型"),
        stages: [
            stage("new", "New", "新建", 5),
            stage("approval", "Project approval", "立项审核", 20),
            stage("discussion", "Cooperation discussion", "合作商讨", 40),
            stage("solution", "Solution", "方案制定", 60),
            stage("contract", "Contract signed", "合同签署", 100),
        ])

    private static func stage(_ key: String, _ en: String, _ zh: String, _ winRate: Int) -> Stage {
        Stage(key: key, label: Label(en: en, zh: zh), winRate: winRate)
    }
}
