using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Unit.Consensus;

/// <summary>One line for a message, for transcripts and for reading a failing seed.</summary>
public static class Transcribe
{
    public static string Line(Message m) => $"{m.From}->{m.To} {m.Kind} {m.Term}" + m.Kind switch
    {
        MessageKind.Append => $" after {m.Index}/{m.LogTerm} commit {m.Commit}{string.Concat(m.Entries.Select(Entry))}",
        MessageKind.AppendReply => m.NeedsSnapshot ? " needs a snapshot"
            : m.Reject ? $" refuses {m.Index}, hint {m.Hint}/{m.HintTerm}"
            : $" has {m.Index}, commit {m.Commit}",
        MessageKind.PreVote or MessageKind.Vote => $" log {m.Index}/{m.LogTerm}{(m.Transfer ? " by transfer" : "")}",
        MessageKind.PreVoteReply or MessageKind.VoteReply =>
            m.Reject ? $" refuses, leader {m.Leader}, remaining {m.RemainingMicros / 1000} ms" : " grants",
        MessageKind.Fortify => $" epoch {m.Epoch.Value}",
        MessageKind.FortifyReply => $" {(m.Reject ? "refuses" : "promises")} epoch {m.Epoch.Value}",
        MessageKind.SnapshotOffer => $" at {m.Index}/{m.LogTerm}",
        _ => "",
    };

    private static string Entry(LogEntry e) => $" {e.Index}/{e.Term}:" + e.Kind switch
    {
        EntryKind.Command => System.Text.Encoding.UTF8.GetString(e.Payload.Span),
        EntryKind.Configuration => Line(ReplicaLog.DecodeConfiguration(e)),
        _ => "start",
    };

    public static string Line(Configuration? c) => c is null ? "none" : "voters(" + string.Join(' ', c.Voters) + ")"
        + List(" outgoing", [.. c.OutgoingVoters]) + List(" non-voters", [.. c.NonVoters]) + List(" witnesses", [.. c.Witnesses]);

    private static string List(string name, NodeId[] nodes) => nodes.Length == 0 ? "" : $"{name}({string.Join(' ', nodes)})";
}
