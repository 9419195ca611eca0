using System.Diagnostics;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// The spans of nodes: what a gateway was asked, each attempt at a range, what the range's node did, and what it took to commit. Without a
/// listener none is made, and asking costs a look at a list.
/// <para>
/// A node's work comes in pieces of many requests, so a span is never the ambient one of a piece: it is handed on with the request. Only
/// where one request's own asynchronous flow goes on is it ambient, so that who is called there finds it.
/// </para>
/// </summary>
public static class NodeTraces
{
    /// <summary>The name of the source.</summary>
    public const string SourceName = "OrleansGeo";

    // The node's own measure of time, beside the wall clock's.
    private const string BeganAt = "began";

    private static readonly ActivitySource s_source = new(SourceName);

    /// <summary>The ambient span, when anybody listens.</summary>
    internal static ActivityContext? Ambient => s_source.HasListeners() ? Activity.Current?.Context : null;

    /// <summary>Begins a span; null when nobody wants it. The ambient span stays what it was.</summary>
    internal static Activity? Begin(string name, ActivityKind kind, ActivityContext parent, IGatewayHost at)
    {
        if (!s_source.HasListeners())
        {
            return null;
        }

        var ambient = Activity.Current;
        var span = s_source.StartActivity(name, kind, parent, startTime: at.Time.GetUtcNow());
        Activity.Current = ambient;
        if (span is { IsAllDataRequested: true })
        {
            var self = at.Self;
            span.SetTag("orleansgeo.node", self.Name).SetTag("orleansgeo.region", self.Region).SetTag("orleansgeo.zone", self.Zone);
        }

        span?.SetCustomProperty(BeganAt, at.Time.GetTimestamp());
        return span;
    }

    /// <summary>Names the range a span is about.</summary>
    internal static Activity? About(this Activity? span, RangeId range) => span?.SetTag("orleansgeo.range.id", range.Value);

    /// <summary>Ends a span with what it came to, and what was paid for it where that is known.</summary>
    internal static void End(this Activity? span, TimeProvider time, string outcome, bool isError, int? roundTrips = null)
    {
        if (span is null)
        {
            return;
        }

        span.SetTag("orleansgeo.outcome", outcome);
        if (roundTrips is { } paid)
        {
            span.SetTag("orleansgeo.wan.round_trips", paid);
        }

        if (isError)
        {
            span.SetTag("error.type", outcome).SetStatus(ActivityStatusCode.Error);
        }

        // A jump of the wall clock must not turn a span around.
        var began = (long)span.GetCustomProperty(BeganAt)!;
        span.SetEndTime(span.StartTimeUtc + time.GetElapsedTime(began));
        var ambient = Activity.Current;
        span.Stop();
        Activity.Current = ambient;
    }

    /// <summary>The name of an operation on a range, as spans are called.</summary>
    internal static string NameOf(RangeOperation operation) => operation switch
    {
        RangeOperation.Get => "get",
        RangeOperation.Scan => "scan",
        RangeOperation.Write => "write",
        RangeOperation.Freshness => "freshness",
        RangeOperation.Split => "split",
        RangeOperation.TransferLeader => "transfer-leader",
        RangeOperation.Reconfigure => "reconfigure",
        RangeOperation.AwaitApplied => "await-applied",
        RangeOperation.Status => "status",
        RangeOperation.Lay => "lay",
        RangeOperation.Look => "look",
        RangeOperation.Refresh => "refresh",
        RangeOperation.FindIntents => "find-intents",
        RangeOperation.Conclude => "conclude",
        RangeOperation.Finish => "finish",
        RangeOperation.RefuseRequest => "refuse-request",
        _ => "measured-rtts",
    };

    /// <summary>An outcome in a word, and whether it is one that a request fails with.</summary>
    internal static (string Name, bool IsError) Of(RangeOutcome? outcome) => outcome switch
    {
        null => ("no_answer", true),
        RangeOutcome.Found or RangeOutcome.Scanned or RangeOutcome.Written or RangeOutcome.Fresh or RangeOutcome.Described
            or RangeOutcome.Rtts or RangeOutcome.Looked or RangeOutcome.GatewayAnswered or RangeOutcome.Laid or RangeOutcome.Standing
            or RangeOutcome.Holding or RangeOutcome.Finished => ("ok", false),
        RangeOutcome.Claimed => ("claimed", false),
        RangeOutcome.Refused => ("refused", false),
        RangeOutcome.RequestMismatch => ("request_mismatch", false),
        RangeOutcome.NotLeaseholder => ("not_leaseholder", false),
        RangeOutcome.Moved => ("moved", false),
        RangeOutcome.NoReplica => ("no_replica", false),
        RangeOutcome.TooFresh => ("too_fresh", false),
        RangeOutcome.TooOld => ("too_old", false),
        RangeOutcome.Overloaded => ("overloaded", true),
        RangeOutcome.Expired => ("expired", true),
        _ => ("unsuitable", false),
    };
}
