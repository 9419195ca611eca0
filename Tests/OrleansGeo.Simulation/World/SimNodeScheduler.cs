using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation;

/// <summary>
/// The scheduler of one life of one node in virtual time: each piece of work is an event and takes a few microseconds of a virtual core, so
/// that nodes interleave differently with every seed. Paused, it keeps its work; stopped, it drops it for ever.
/// </summary>
public sealed class SimNodeScheduler : NodeScheduler
{
    private static readonly Action<object?> s_step = static state => ((SimNodeScheduler)state!).Step();

    private readonly Queue<NodeWork> _queue = new();
    private readonly SimWorld _world;
    private readonly Prng _prng;
    private readonly string _label;
    private readonly long _costMicrosMax;
    private NodeWork _current;
    private bool _isArmed;

    /// <summary>Makes a scheduler. What work throws goes to the callback; without one it fails the run.</summary>
    public SimNodeScheduler(SimWorld world, string name, Action<Exception>? unhandled = null, long costMicrosMax = 50)
        : base(unhandled ?? (e => world.Fail($"{name} threw {e.GetType().Name}: {e.Message}", e)))
    {
        _world = world;
        _label = name + "'s work";
        _costMicrosMax = costMicrosMax;
        _prng = world.Prng.Fork(1);
        Name = name;
    }

    /// <summary>What traces call it.</summary>
    public string Name { get; }

    /// <summary>True after <see cref="Stop"/>.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>Nothing runs before this time.</summary>
    public long PausedUntilMicros { get; private set; }

    /// <summary>Pieces of work that wait.</summary>
    public int Waiting => _queue.Count;

    /// <summary>Stops the process for a while, as SIGSTOP does: what comes meanwhile waits.</summary>
    public void Pause(long micros) => PausedUntilMicros = Math.Max(PausedUntilMicros, _world.NowMicros + micros);

    /// <inheritdoc />
    public override void Stop()
    {
        _world.AssertInside(_label);
        IsStopped = true;
        _queue.Clear();
    }

    /// <inheritdoc />
    protected override void Enqueue(NodeWork work)
    {
        // The runtime calls this from a pool thread when a continuation left, and would end the process if it threw.
        if (!_world.CheckInside(_label) || IsStopped)
        {
            return;
        }

        _queue.Enqueue(work);
        Arm();
    }

    /// <inheritdoc />
    protected override void Drain()
    {
        var work = _current;
        _current = default;
        Execute(work);
    }

    private void Arm()
    {
        if (!_isArmed && _queue.Count > 0)
        {
            _isArmed = true;
            var start = Math.Max(_world.NowMicros, PausedUntilMicros);
            _world.At(start + _prng.Between(1, _costMicrosMax), _label, s_step, this);
        }
    }

    private void Step()
    {
        _isArmed = false;
        if (IsStopped)
        {
            return;
        }

        if (_world.NowMicros >= PausedUntilMicros)
        {
            _current = _queue.Dequeue();
            Enter();
        }

        Arm();
    }
}
