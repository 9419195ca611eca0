using OrleansGeo.Primitives;
using OrleansGeo.Storage;

namespace OrleansGeo.Engine;

/// <summary>
/// Paces the collection of garbage on a node: one replica's small piece at a time, each followed by a rest many times as long as the piece
/// took. So requests wait for one piece at most, and all collecting together takes a small share of the node. While nobody has asked there
/// is no timer.
/// </summary>
internal sealed class GarbageSweeper(Node node)
{
    private const long RestMicrosMin = 10_000;
    private const int RestFactor = 9;

    private readonly Queue<RangeReplica> _waiting = [];
    private readonly CodecWriter _buffer = new();
    private bool _isArmed;

    /// <summary>A replica has something to do.</summary>
    public void Ask(RangeReplica replica)
    {
        if (!replica.AwaitsSweep)
        {
            replica.AwaitsSweep = true;
            _waiting.Enqueue(replica);
            Arm(RestMicrosMin);
        }
    }

    private void Arm(long micros)
    {
        if (!_isArmed && _waiting.Count > 0)
        {
            _isArmed = true;
            node.Timers.At(node.Clock.Mono().AddMicros(micros), Step);
        }
    }

    private void Step()
    {
        _isArmed = false;
        if (node.IsStopped)
        {
            return;
        }

        var began = node.Clock.Mono();
        var replica = _waiting.Dequeue();
        replica.AwaitsSweep = false;
        if (node.Sweep(replica, _buffer))
        {
            replica.AwaitsSweep = true;
            _waiting.Enqueue(replica);
        }

        Arm(Math.Max(RestMicrosMin, RestFactor * node.Clock.Mono().MicrosSince(began)));
    }
}
