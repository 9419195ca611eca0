using System.Collections.Immutable;
using OrleansGeo.Consensus;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Unit.Gateway;

/// <summary>A question that reached the fake cluster.</summary>
public sealed record FakeCall(NodeId To, RangeId Range, RangeOperation Operation, long AtMs);

/// <summary>What becomes of a question: an answer, or none.</summary>
public sealed record FakeAnswer(RangeOutcome? Outcome, CallFailure Failure = CallFailure.None, WanPath? Path = null, int? DelayMs = null)
{
    public static FakeAnswer Lost { get; } = new(null, CallFailure.NoAnswer);

    public static FakeAnswer NotSent { get; } = new(null, CallFailure.NotSent);

    public static implicit operator FakeAnswer(RangeOutcome outcome) => new(outcome);
}

/// <summary>
/// Nine nodes at the level of the contract: n1–n3 in east, n4–n6 in west, n7–n9 in europe, zones a, b, c; the gateway's node is n1 unless
/// it is moved. Ranges are a versioned map with a leader each, request records and a resolved timestamp. A test may answer any question
/// itself.
/// </summary>
public sealed class FakeCluster : IGatewayHost
{
    private readonly SortedDictionary<Key, SortedList<HlcTimestamp, byte[]?>> _versions = [];
    private readonly Dictionary<(Key, string), (ImmutableArray<byte> Body, RangeOutcome Outcome)> _requests = [];
    private readonly SystemViewBuilder _views = new();
    private readonly List<SystemChange> _unpublished = [];
    private long _index = 100;

    public FakeCluster(int self = 1)
    {
        var zones = new[] { "a", "b", "c" };
        var regions = new[] { "east", "west", "europe" };
        var nodes = Enumerable.Range(1, 9).Select(i => new NodeRecord(
            new(i), $"n{i}", regions[(i - 1) / 3], $"{regions[(i - 1) / 3]}-{zones[(i - 1) % 3]}", null)).ToArray();
        Self = nodes[self - 1];
        var system = SystemBootstrap.SystemRange(nodes);
        foreach (var (key, value) in SystemBootstrap.InitialRecords("test", TokenSecret.Span, nodes, system))
        {
            Put(key, value);
        }

        Leaders[SystemKeys.RangeId] = new(1);
        Publish();
        Gateway = new(this);
        Store = Gateway;
    }

    public NodeMetrics? Metrics => null;

    public VirtualLoop Loop { get; } = new();

    public Engine.Gateway Gateway { get; }

    public IGeoStore Store { get; }

    public List<FakeCall> Calls { get; } = [];

    public Dictionary<RangeId, NodeId> Leaders { get; } = [];

    public HashSet<NodeId> Down { get; } = [];

    /// <summary>When nodes that are down were heard last.</summary>
    public long LostAtMillis { get; set; } = -10_000;

    /// <summary>When nodes that are down are heard again.</summary>
    public long BackAtMillis { get; set; } = long.MaxValue;

    public Dictionary<RangeId, HlcTimestamp> ResolvedAt { get; } = [];

    public Dictionary<RangeId, long> PromiseAge { get; } = [];

    /// <summary>Leaders whose own clock differs: milliseconds to add.</summary>
    public Dictionary<NodeId, long> ClockSkewMs { get; } = [];

    /// <summary>Asked before the model; null lets the model answer.</summary>
    public Func<FakeCall, FakeAnswer?>? Script { get; set; }

    /// <summary>While set, changes of the system range reach this node only when published.</summary>
    public bool HoldSystem { get; set; }

    public long ClockAheadMs { get; set; }

    public NodeRecord Self { get; }

    public SystemView System => _views.View;

    public TimeSpan SupportDuration => TimeSpan.FromMilliseconds(1500);

    public long ClosedTargetMs => 500;

    public HlcTimestamp Observed { get; private set; }

    public HlcTimestamp Clock => HlcTimestamp.Later(HlcTimestamp.FromMillis(1_000_000 + Loop.Time.Millis + ClockAheadMs), Observed);

    public TimeProvider Time => Loop.Time;

    public Prng Prng { get; } = new(7);

    public ReadOnlyMemory<byte> TokenSecret { get; } = new byte[] { 1, 2, 3, 4, 5, 6, 7, 8 };

    public IReadOnlyList<RangeDescriptor> Ranges => [.. _versions
        .Where(pair => SystemKeys.Ranges.Contains(pair.Key) && pair.Value.Values[^1] is not null)
        .Select(pair => RangeDescriptor.Decode(pair.Value.Values[^1]))];

    public Dictionary<RangeId, RangeDescriptor> Truth { get; } = [];

    public Task AwaitSystemAsync(LogIndex applied, CancellationToken cancellation)
    {
        if (!HoldSystem)
        {
            Publish();
            return Task.CompletedTask;
        }

        var source = new TaskCompletionSource();
        cancellation.Register(() => source.TrySetCanceled(cancellation));
        return source.Task;
    }

    public void Publish()
    {
        _views.Apply(_unpublished, new(_index));
        _unpublished.Clear();
    }

    public async Task<CallResult> CallAsync(
        NodeId to, RangeId range, RangeOperation operation, TimeSpan timeout, CancellationToken cancellation)
    {
        var call = new FakeCall(to, range, operation, Loop.Time.Millis);
        Calls.Add(call);
        var answer = Script?.Invoke(call) ?? (!IsLive(to) ? FakeAnswer.Lost : new FakeAnswer(Answer(to, range, operation)));
        if (answer.Failure == CallFailure.NotSent)
        {
            return new(null, NodeId.None, null, CallFailure.NotSent);
        }

        var delay = TimeSpan.FromMilliseconds(answer.DelayMs ?? (RttMicros(to) ?? 0) / 1000.0);
        try
        {
            await Task.Delay(answer.Outcome is null || delay > timeout ? timeout : delay, Time, cancellation);
        }
        catch (OperationCanceledException)
        {
            return new(null, NodeId.None, null, CallFailure.NoAnswer);
        }

        if (answer.Outcome is null || delay > timeout)
        {
            return new(null, NodeId.None, null, CallFailure.NoAnswer);
        }

        var path = answer.Path ?? (RegionOf(to) == Self.Region ? null : WanPath.Add(WanPath.Add(null, Self.Id, to), to, Self.Id));
        return new(answer.Outcome, to, path, CallFailure.None);
    }

    public bool IsDraining(NodeId node) => false;

    public bool IsLive(NodeId node) => node == Self.Id || !Down.Contains(node) || Loop.Time.Millis >= BackAtMillis;

    public long? LastHeardMicros(NodeId node) => IsLive(node) ? 10_000 : (Loop.Time.Millis - LostAtMillis) * 1000;

    public long? RttMicros(NodeId node) => (Self.Region, RegionOf(node)) switch
    {
        var (a, b) when a == b => node == Self.Id ? 0 : 1_000,
        ("east", "west") or ("west", "east") => 66_000,
        ("east", _) or (_, "east") => 64_000,
        _ => 146_000,
    };

    public bool TryObserve(HlcTimestamp timestamp)
    {
        if (timestamp > Clock.AddMillis(HlcClock.DefaultMaxAheadMillis))
        {
            return false;
        }

        Observed = HlcTimestamp.Later(Observed, timestamp);
        return true;
    }

    public NodeId LeaderHint(RangeId range) => NodeId.None;

    public LocalReplicaStatus? LocalReplica(RangeId range) =>
        DescriptorOf(range) is { } descriptor && descriptor.Configuration.IsMember(Self.Id)
            ? new(
                descriptor, Leaders.GetValueOrDefault(range), new(1), Leaders.GetValueOrDefault(range) == Self.Id, new(_index),
                Resolved(range), PromiseAge.GetValueOrDefault(range, 100_000), 1)
            : null;

    /// <summary>Parts a range as its own log would: the directory hears of it only when asked to.</summary>
    public RangeDescriptor Split(RangeId parent, Key at, RangeId right, NodeId rightLeader, bool publish)
    {
        var old = DescriptorOf(parent)!;
        var left = old with { Span = new(old.Span.Start, at), Generation = old.Generation + 1 };
        var born = old with { Id = right, Span = new(at, old.Span.End), Generation = old.Generation + 1 };
        (Truth[parent], Truth[right]) = (left, born);
        Leaders[right] = rightLeader;
        if (publish)
        {
            PublishRange(parent);
            PublishRange(right);
        }

        return born;
    }

    /// <summary>The directory hears of a range, as its leaseholder tells it.</summary>
    public void PublishRange(RangeId range)
    {
        Put(SystemKeys.Range(range), Truth[range].Encode());
        Publish();
    }

    public T Run<T>(Func<IGeoStore, Task<T>> work) => Loop.Run(() => work(Store));

    public HlcTimestamp Resolved(RangeId range) => ResolvedAt.TryGetValue(range, out var resolved) ? resolved : Clock.AddMillis(-500);

    private string RegionOf(NodeId node) => System.Nodes.TryGetValue(node, out var record) ? record.Region : "?";

    private RangeDescriptor? DescriptorOf(RangeId range) =>
        Truth.TryGetValue(range, out var truth) ? truth : Ranges.FirstOrDefault(descriptor => descriptor.Id == range);

    public RangeOutcome Answer(NodeId to, RangeId range, RangeOperation operation)
    {
        if (operation is RangeOperation.MeasuredRtts)
        {
            return new RangeOutcome.Rtts([new(new(4), 66_000), new(new(7), 64_000)]);
        }

        if (DescriptorOf(range) is not { } descriptor || !descriptor.Configuration.IsMember(to))
        {
            return new RangeOutcome.NoReplica();
        }

        var resolved = Resolved(range);
        switch (operation)
        {
            case RangeOperation.Status or RangeOperation.AwaitApplied:
                return new RangeOutcome.Described([descriptor], Leaders[range], new(1), new(_index), 1);
            case RangeOperation.Freshness:
                return new RangeOutcome.Fresh(resolved, PromiseAge.GetValueOrDefault(range, 100_000));
            case RangeOperation.Get { At: { } at } get when at <= resolved:
                return Read(descriptor, get.Keys, at, false);
            case RangeOperation.Scan { At: { } at } scan when at <= resolved:
                return Scan(descriptor, scan, at);
            case RangeOperation.Get { LocalOnly: true } or RangeOperation.Scan { LocalOnly: true }:
                return new RangeOutcome.TooFresh(resolved);
        }

        var leader = Leaders.GetValueOrDefault(range);
        if (leader != to)
        {
            return new RangeOutcome.NotLeaseholder(leader, false, false, descriptor);
        }

        var now = HlcTimestamp.Later(Clock.AddMillis(ClockSkewMs.GetValueOrDefault(to)), Observed);
        return operation switch
        {
            RangeOperation.Get get => Read(descriptor, get.Keys, get.At ?? now, true),
            RangeOperation.Scan scan => Scan(descriptor, scan, scan.At ?? now),
            RangeOperation.Write write => Write(descriptor, write, now),
            RangeOperation.Split split => SplitAnswer(descriptor, split, to),
            _ => new RangeOutcome.Unsuitable(operation.GetType().Name),
        };
    }

    private RangeOutcome.Described SplitAnswer(RangeDescriptor descriptor, RangeOperation.Split split, NodeId leader)
    {
        var right = Split(descriptor.Id, split.At!.Value, split.NewRange, leader, publish: !HoldSystem);
        return new RangeOutcome.Described([DescriptorOf(descriptor.Id)!, right], leader, new(1), new(_index), 1);
    }

    private RangeOutcome Read(RangeDescriptor descriptor, ImmutableArray<Key> keys, HlcTimestamp at, bool strong) =>
        keys.FirstOrDefault(key => !descriptor.Span.Contains(key)) is { Length: > 0 }
            ? new RangeOutcome.Moved([.. Truth.Values])
            : new RangeOutcome.Found([.. keys.Select(key => Find(key, at))], at, strong, Leaders[descriptor.Id]);

    private RangeOutcome Scan(RangeDescriptor descriptor, RangeOperation.Scan scan, HlcTimestamp at)
    {
        var span = scan.Span.Intersect(descriptor.Span);
        if (span.IsEmpty || (scan.Descending ? scan.Span.End > descriptor.Span.End : scan.Span.Start < descriptor.Span.Start))
        {
            return new RangeOutcome.Moved([.. Truth.Values]);
        }

        var found = _versions.Keys.Where(span.Contains).Select(key => Find(key, at)).Where(row => row.Value is not null);
        var rows = (scan.Descending ? found.Reverse() : found).ToArray();
        var taken = rows.Take(scan.RowsMax).ToImmutableArray();
        KeySpan rest = scan.Descending
            ? new(scan.Span.Start, taken.Length < rows.Length ? taken[^1].Key : span.Start)
            : new(taken.Length < rows.Length ? taken[^1].Key.Successor : span.End, scan.Span.End);
        return new RangeOutcome.Scanned(taken, rest.IsEmpty ? null : rest, at, true, Leaders[descriptor.Id]);
    }

    private RangeOutcome Write(RangeDescriptor descriptor, RangeOperation.Write write, HlcTimestamp now)
    {
        if (write.Writes.Any(one => !descriptor.Span.Contains(one.Key)))
        {
            return new RangeOutcome.Moved([.. Truth.Values]);
        }

        var id = (write.Writes[0].Key, Convert.ToHexString(write.RequestId.AsSpan()));
        if (_requests.TryGetValue(id, out var known))
        {
            return !known.Body.SequenceEqual(write.BodyHash) ? new RangeOutcome.RequestMismatch()
                : known.Outcome is RangeOutcome.Written made ? made with { Replayed = true }
                : known.Outcome;
        }

        for (var i = 0; i < write.Writes.Length; i++)
        {
            if (Refuses(write.Writes[i]) is { } reason)
            {
                var refused = new RangeOutcome.Refused(i, reason, Find(write.Writes[i].Key, HlcTimestamp.Max).Version);
                if (write.MayRepeat)
                {
                    _requests[id] = (write.BodyHash, refused);
                }

                return refused;
            }
        }

        var newest = write.Writes.Select(one => Find(one.Key, HlcTimestamp.Max).Version).Max();
        var version = HlcTimestamp.Later(now, newest.Next);
        _index++;
        var keys = write.Writes.Select(one => Apply(one, version)).ToImmutableArray();
        var outcome = new RangeOutcome.Written(version, keys, false, new(_index), null);
        _requests[id] = (write.BodyHash, outcome);
        if (descriptor.Id == SystemKeys.RangeId)
        {
            AppointLeaders();
            if (!HoldSystem)
            {
                Publish();
            }
        }

        return outcome;
    }

    private void AppointLeaders()
    {
        foreach (var range in Ranges.Where(range => !Leaders.ContainsKey(range.Id)))
        {
            Leaders[range.Id] = range.Configuration.Voters.First(voter => RegionOf(voter) == range.LeasePreferences[0]);
        }
    }

    private RefusalReason? Refuses(KeyWrite write)
    {
        var current = Find(write.Key, HlcTimestamp.Max);
        var (exists, condition) = (current.Value is not null, write.Precondition);
        return (condition.IfExists && !exists) || (condition.IfAbsent && exists)
            || (!condition.IfMatch.IsEmpty && !(exists && condition.IfMatch.Contains(current.Version)))
            || (exists && condition.IfNoneMatch.Contains(current.Version)) ? RefusalReason.Precondition
            : write.Kind == WriteKind.Insert && exists ? RefusalReason.Exists
            : write.Kind is WriteKind.Merge or WriteKind.Delete && !exists ? RefusalReason.Missing
            : null;
    }

    private KeyWritten Apply(KeyWrite write, HlcTimestamp version)
    {
        var before = Find(write.Key, HlcTimestamp.Max).Value;
        var value = write.Kind switch
        {
            WriteKind.Delete => null,
            WriteKind.Merge => RowPatch.Apply(before!, write.Value.Span),
            _ => write.Value.ToArray(),
        };
        Put(write.Key, value, version);
        return new(before is null, value);
    }

    private void Put(Key key, byte[]? value, HlcTimestamp? version = null)
    {
        var at = version ?? HlcTimestamp.FromMillis(1);
        if (!_versions.TryGetValue(key, out var versions))
        {
            _versions.Add(key, versions = []);
        }

        versions[at] = value;
        if (SystemKeys.Span.Contains(key))
        {
            _unpublished.Add(new(key, value, at));
        }
    }

    private FoundValue Find(Key key, HlcTimestamp at)
    {
        if (_versions.TryGetValue(key, out var versions))
        {
            for (var i = versions.Count - 1; i >= 0; i--)
            {
                if (versions.Keys[i] <= at)
                {
                    return new(key, versions.Values[i] is null ? HlcTimestamp.Zero : versions.Keys[i], versions.Values[i]);
                }
            }
        }

        return new(key, HlcTimestamp.Zero, null);
    }
}
