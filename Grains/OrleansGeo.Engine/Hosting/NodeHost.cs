using System.Collections.Immutable;
using System.Security.Cryptography;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;

namespace OrleansGeo.Engine;

/// <summary>What one node in a process of its own is made of.</summary>
public sealed record NodeHostSettings
{
    /// <summary>What the node is told; its name is the one its peers find it by.</summary>
    public required NodeOptions Node { get; init; }

    /// <summary>The cluster it begins with when its storage is empty and the seed names it.</summary>
    public ClusterSeed? Seed { get; init; }

    /// <summary>How it becomes a member of a running cluster when the seed does not name it; null for one that is a member.</summary>
    public JoinSettings? Join { get; init; }

    /// <summary>Opens its storage.</summary>
    public required Func<IStorageEngine> OpenStorage { get; init; }

    /// <summary>Its way to its peers.</summary>
    public required IPeerCarrier Carrier { get; init; }

    /// <summary>Bounds of what is on its way to a peer.</summary>
    public PeerLimits Limits { get; init; } = new();

    /// <summary>Its clocks and timers.</summary>
    public TimeProvider Time { get; init; } = BootTimeProvider.Instance;

    /// <summary>Hears of what an operator must know; called on the node's scheduler.</summary>
    public required INodeEvents Events { get; init; }

    /// <summary>What shows the node to whoever watches; whoever gives it disposes it. Null to show nothing.</summary>
    public NodeMetrics? Metrics { get; init; }

    /// <summary>Takes what node code throws and nobody catches: a bug.</summary>
    public required Action<Exception> Unhandled { get; init; }
}

/// <summary>
/// One node in a process of its own, in real time: its scheduler, engine, gateway and storage, from start to stop. Bytes from peers come in
/// through <see cref="TakeAsync"/> and <see cref="AnswerAsync"/>, users through <see cref="Front"/>, all of them from any thread.
/// </summary>
public sealed class NodeHost : IDisposable
{
    private static readonly TimeSpan s_join = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_drainStep = TimeSpan.FromMilliseconds(20);

    private readonly SerialTaskScheduler[] _decoders;
    private readonly CancellationTokenSource _stopping = new();
    private readonly SerialTaskScheduler _scheduler;
    private readonly Node _node;

    private NodeHost(Node node, SerialTaskScheduler scheduler, NodeFront front, Action<Exception> unhandled)
    {
        _node = node;
        _scheduler = scheduler;
        Front = front;

        // One for each lane, so that a snapshot is not decoded before a heartbeat, and one for requests; each keeps its own order.
        _decoders = [.. Enumerable.Range(0, (int)Lane.Bulk + 1).Select(_ => new SerialTaskScheduler(unhandled))];
    }

    /// <summary>The engine.</summary>
    public Node Node => _node;

    /// <summary>The node's store.</summary>
    public NodeFront Front { get; }

    /// <summary>True once the host was stopped.</summary>
    public bool IsStopped => _stopping.IsCancellationRequested;

    /// <summary>
    /// Opens storage, makes it that of a member when it is empty (by the seed, or by joining, which waits for the cluster), and starts the
    /// node.
    /// </summary>
    /// <exception cref="StorageUnavailableException">The storage cannot be opened or belongs to something else; its message is for
    /// the user.</exception>
    /// <exception cref="JoinRefusedException">The cluster will not have the node.</exception>
    public static Task<NodeHost> StartAsync(NodeHostSettings settings, CancellationToken cancellation = default)
    {
        var scheduler = new SerialTaskScheduler(settings.Unhandled);
        return OnSchedulerAsync(scheduler, () => StartAsync(settings, scheduler, cancellation), CancellationToken.None);
    }

    /// <summary>
    /// Takes an envelope from a peer. Completes when the engine has it, or when it was thrown away because it says nothing to this node;
    /// never fails, and cancels when the node stops first.
    /// </summary>
    public Task TakeAsync(Lane lane, byte[] envelope)
    {
        var taken = new Taken(this, lane, envelope);
        _decoders[(int)lane].Post(static state => ((Taken)state!).Decode(), taken);
        return taken.Task;
    }

    /// <summary>
    /// Answers a peer's request to this node's replica of a range, in the encoding that <see cref="PeerGatewayHost"/> describes. Fails
    /// where it is not known whether the request was carried out.
    /// </summary>
    public Task<byte[]> AnswerAsync(byte[] request, CancellationToken cancellation)
    {
        var decoded = EnvelopeCodec.Standard.Read(request);
        if (decoded.To != _node.Id || decoded.Messages is not [RangeRequest asked] || IsStopped)
        {
            return Task.FromResult(EnvelopeCodec.Standard.Encode(AnswerTo(decoded)));
        }

        return OnSchedulerAsync(_scheduler, () => ServeAsync(decoded, asked, cancellation), _stopping.Token);
    }

    /// <summary>Answers a node that asks to join. Never fails on what the bytes say: who sends nonsense is refused.</summary>
    public async Task<byte[]> AnswerJoinAsync(byte[] request, CancellationToken cancellation)
    {
        JoinRequest join;
        try
        {
            join = JoinCodec.ReadRequest(request);
        }
        catch (CodecException nonsense)
        {
            return JoinCodec.Encode(new GeoResult<JoinAnswer>(
                null, new(GeoErrorKind.Invalid, "bad-join", nonsense.Message), ResponseMeta.Local()));
        }

        return JoinCodec.Encode(await Front.JoinAsync(join, new(s_join), cancellation));
    }

    /// <summary>
    /// Drains the node (see <see cref="Engine.Node.Drain"/>): completes when it leads nothing that a live voter elsewhere could lead. It
    /// goes on answering, and is asked less and less.
    /// </summary>
    public async Task DrainAsync(CancellationToken cancellation)
    {
        while (!IsStopped && await OnSchedulerAsync(_scheduler, () => Task.FromResult(_node.Drain()), _stopping.Token) > 0)
        {
            await Task.Delay(s_drainStep, TimeProvider.System, cancellation);
        }
    }

    /// <summary>Stops the node and closes its storage. Requests under way have an unknown outcome.</summary>
    public async Task StopAsync()
    {
        if (IsStopped)
        {
            return;
        }

        await OnSchedulerAsync(
            _scheduler,
            () =>
            {
                _node.Dispose();
                _node.Close();
                return Task.FromResult(true);
            },
            CancellationToken.None);
        await _stopping.CancelAsync();
        Front.Stop();
        _scheduler.Stop();
        foreach (var decoder in _decoders)
        {
            decoder.Stop();
        }
    }

    /// <summary>Ends the node at once, as if its process had died: nothing more is sent, answered or written.</summary>
    public void Dispose()
    {
        if (!IsStopped)
        {
            _scheduler.Stop();
            _node.Metrics?.Hide(_node);
            _stopping.Cancel();
            Front.Stop();
        }
    }

    private static async Task<NodeHost> StartAsync(
        NodeHostSettings settings, SerialTaskScheduler scheduler, CancellationToken cancellation)
    {
        var storage = settings.OpenStorage();
        try
        {
            var members = ImmutableArray<NodeRecord>.Empty;
            if (settings.Seed is { } seed && seed.Nodes.FirstOrDefault(node => node.Name == settings.Node.Name) is { } record)
            {
                await seed.InitialiseAsync(storage, record);
            }
            else if (settings.Join is { } join)
            {
                members = await NodeJoining.RunAsync(storage, settings.Node, join, settings.Time, cancellation);
            }

            Node? node = null;
            var transport = new PeerTransport(settings.Node.Region, Find, settings.Carrier, settings.Limits, settings.Metrics);
            var chance = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8));
            node = await Node.StartAsync(
                settings.Node, new(storage, transport, scheduler, settings.Time, chance, settings.Events, settings.Metrics));
            CheckLabels(node, settings.Node);
            node.Gateway = new(new PeerGatewayHost(node, scheduler, settings.Carrier, settings.Limits));
            return new(node, scheduler, new(node.Gateway, scheduler), settings.Unhandled);

            // Until the node holds the system range, it knows the others by the answer to its request to join.
            NodeRecord? Find(NodeId id) =>
                node?.System.Nodes.GetValueOrDefault(id) ?? members.FirstOrDefault(member => member.Id == id);
        }
        catch
        {
            storage.Dispose();
            throw;
        }
    }

    // Replicas are placed by the labels that the cluster knows.
    private static void CheckLabels(Node node, NodeOptions told)
    {
        if (node.System.Nodes.TryGetValue(node.Id, out var known) && (known.Region != told.Region || known.Zone != told.Zone))
        {
            node.Dispose();
            throw new StorageUnavailableException(
                $"Node {told.Name} is in {known.Region}, {known.Zone} for its cluster, not in {told.Region}, {told.Zone}.");
        }
    }

    // Runs work on a scheduler and brings its result to a caller on another; a caller does not wait for a node that has stopped.
    private static Task<T> OnSchedulerAsync<T>(SerialTaskScheduler scheduler, Func<Task<T>> work, CancellationToken stopping)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var registration = stopping.UnsafeRegister(
            static (source, token) => ((TaskCompletionSource<T>)source!).TrySetCanceled(token), done);
        scheduler.Post(_ => _ = RunAsync(), null);
        return done.Task;

        async Task RunAsync()
        {
            try
            {
                done.TrySetResult(await work());
            }
            catch (Exception failure)
            {
                done.TrySetException(failure);
            }
            finally
            {
                registration.Dispose();
            }
        }
    }

    private async Task<byte[]> ServeAsync(Envelope request, RangeRequest asked, CancellationToken cancellation)
    {
        _node.TryObserve(asked.Observed);
        var timeout = TimeSpan.FromMicroseconds(asked.TimeoutMicros);
        var result = await _node.CallAsync(
            _node.Id, asked.Range, asked.Operation, timeout, asked.Trace?.ToContext(), cancellation);
        if (result.Failure == CallFailure.NoAnswer)
        {
            throw new TimeoutException("the range did not answer in time");
        }

        var answer = AnswerTo(request, result.Outcome is null ? null : new RangeReply
        {
            CallId = asked.CallId,
            ServedBy = result.ServedBy,
            Clock = ((IGatewayHost)_node).Clock,
            Outcome = result.Outcome,
            Path = asked.Path,
        });
        if (_node.System.Nodes.TryGetValue(request.From, out var asker) && asker.Region != _node.Self.Region)
        {
            answer.AddHop();
        }

        return EnvelopeCodec.Standard.Encode(answer);
    }

    private Envelope AnswerTo(Envelope request, RangeReply? reply = null) => new()
    {
        From = _node.Id,
        To = request.From,
        Lane = Lane.Normal,
        FromIncarnation = _node.Incarnation,
        ToIncarnation = request.FromIncarnation,
        Messages = reply is null ? [] : [reply],
    };

    // An envelope on its way in: decoded off the node's scheduler, then received on it.
    private sealed class Taken : TaskCompletionSource
    {
        private readonly CancellationTokenRegistration _stopping;
        private readonly NodeHost _host;
        private readonly Lane _lane;
        private readonly byte[] _bytes;
        private Envelope? _envelope;

        public Taken(NodeHost host, Lane lane, byte[] bytes)
            : base(TaskCreationOptions.RunContinuationsAsynchronously)
        {
            _host = host;
            _lane = lane;
            _bytes = bytes;
            _stopping = host._stopping.Token.UnsafeRegister(static (taken, token) => ((Taken)taken!).TrySetCanceled(token), this);
        }

        public void Decode()
        {
            try
            {
                _envelope = EnvelopeCodec.Standard.Read(_bytes);
            }
            catch (CodecException)
            {
                // A newer build's message, or nobody's: the sender hears nothing, as from a node that is not there.
            }

            if (_envelope is null || _envelope.To != _host._node.Id || _envelope.Lane != _lane)
            {
                _host._node.Metrics?.Unread(_lane);
                End();
                return;
            }

            _host._scheduler.Post(static state => ((Taken)state!).Receive(), this);
        }

        private void Receive()
        {
            _host._node.Receive(_envelope!);
            End();
        }

        private void End()
        {
            _stopping.Dispose();
            TrySetResult();
        }
    }
}
