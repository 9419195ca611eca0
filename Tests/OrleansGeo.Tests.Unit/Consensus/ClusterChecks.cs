using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Unit.Consensus;

/// <summary>A rule of consensus was seen broken.</summary>
public sealed class ClusterCheckException(string message) : Exception(message);

/// <summary>What no schedule may show, looked at after every event with a true time that no node has.</summary>
public sealed class ClusterChecks(ReplicaCluster cluster)
{
    private readonly SortedDictionary<long, NodeId> _leaders = [];
    private readonly SortedDictionary<long, HlcTimestamp> _votedBounds = [];
    private readonly SortedDictionary<long, HlcTimestamp> _servedBounds = [];
    private readonly Dictionary<(long Index, long Term), (string Payload, long PreviousTerm)> _entries = [];
    private readonly Dictionary<NodeId, long> _appliedBy = [];
    private readonly List<LogEntry> _chosen = [];
    private readonly List<Term> _chosenIn = [];
    private readonly List<(long Index, Configuration Configuration)> _configurations = [(0, cluster.Initial)];
    private long _acknowledged;

    public int Served { get; private set; }

    public int Elections => _leaders.Count;

    public long Chosen => _chosen.Count;

    public Configuration ConfigurationAt(long index) => _configurations.FindLast(c => c.Index <= index).Configuration;

    public Term TermAt(long index) => index == 0 ? default : _chosen[(int)index - 1].Term;

    public LogEntry EntryAt(long index) => _chosen[(int)index - 1];

    public void Started(ClusterNode node, long applied) => _appliedBy[node.Id] = applied;

    /// <summary>Log matching (Raft §5.3): an index and a term name one entry and everything before it.</summary>
    public void Drained(ClusterNode node, ReplicaEffects effects)
    {
        foreach (var entry in effects.Append)
        {
            var previous = node.Replica!.TermAt(entry.Index.Previous).Value;
            var value = (entry.Kind + Convert.ToHexString(entry.Payload.Span), previous);
            var key = (entry.Index.Value, entry.Term.Value);
            if (!_entries.TryAdd(key, value) && _entries[key] != value)
            {
                Fail($"log matching: two entries at index {entry.Index} of term {entry.Term}");
            }
        }
    }

    /// <summary>State machine safety (Raft §5.4.3): no index is applied with two values, and none is skipped.</summary>
    public void Applied(ClusterNode node, LogEntry entry)
    {
        var index = entry.Index.Value;
        if (index != _appliedBy[node.Id] + 1)
        {
            Fail($"{node.Id} applied {entry.Index} after {_appliedBy[node.Id]}");
        }

        _appliedBy[node.Id] = index;
        if (index <= _chosen.Count)
        {
            var chosen = _chosen[(int)index - 1];
            if (chosen.Term != entry.Term || chosen.Kind != entry.Kind || !chosen.Payload.Span.SequenceEqual(entry.Payload.Span))
            {
                Fail($"state machine safety: {entry.Index} is {chosen.Term} at one node and {entry.Term} at {node.Id}");
            }
        }
        else
        {
            _chosen.Add(entry);
            _chosenIn.Add(node.Replica!.Term);
            if (entry.Kind == EntryKind.Configuration)
            {
                _configurations.Add((index, ReplicaLog.DecodeConfiguration(entry)));
            }
        }

        if (node.Replica!.IsLeader)
        {
            _acknowledged = Math.Max(_acknowledged, index);
        }
    }

    public void AfterStep()
    {
        ClusterNode? server = null;
        foreach (var node in cluster.Nodes)
        {
            if (!node.IsUp || !node.Replica!.IsLeader)
            {
                continue;
            }

            NoteLeader(node);
            if (!node.MayServe)
            {
                continue;
            }

            if (server is not null)
            {
                Fail($"two replicas may serve: {server.Id} in {server.Replica!.Term} and {node.Id} in {node.Replica.Term}");
            }

            server = node;
            NoteServing(node);
        }
    }

    private void NoteLeader(ClusterNode node)
    {
        var term = node.Replica!.Term.Value;
        if (!_leaders.TryAdd(term, node.Id))
        {
            if (_leaders[term] != node.Id)
            {
                Fail($"election safety: {_leaders[term]} and {node.Id} lead term {term}");
            }

            return;
        }

        // Leader completeness (Raft §5.4): what was chosen in an older term is in its log. A late vote may make a leader of a term that is
        // past.
        _votedBounds[term] = node.Replica.VotedBound;
        for (var index = _chosen.Count; index > node.Replica.FirstIndex.Previous.Value; index--)
        {
            if (_chosenIn[index - 1].Value < term && node.Replica.TermAt(new(index)) != _chosen[index - 1].Term)
            {
                Fail($"leader completeness: {node.Id} leads term {term} without index {index}");
            }
        }

        foreach (var (older, bound) in _servedBounds)
        {
            if (older < term && bound > node.Replica.VotedBound)
            {
                Fail($"bound: {node.Id} leads term {term} from {node.Replica.VotedBound}, term {older} served up to {bound}");
            }
        }
    }

    private void NoteServing(ClusterNode node)
    {
        Served++;
        var replica = node.Replica!;
        var term = replica.Term.Value;
        if (replica.AppliedIndex.Value < _acknowledged)
        {
            Fail($"{node.Id} may serve in term {term} with {replica.AppliedIndex} applied, {_acknowledged} was acknowledged");
        }

        var bound = replica.Bound;
        _servedBounds[term] = _servedBounds.TryGetValue(term, out var before) ? HlcTimestamp.Later(before, bound) : bound;
        foreach (var (newer, voted) in _votedBounds)
        {
            if (newer > term && bound > voted)
            {
                Fail($"bound: term {term} still serves up to {bound}, term {newer} began from {voted}");
            }
        }
    }

    private static void Fail(string text) => throw new ClusterCheckException(text);
}
