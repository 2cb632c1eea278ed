using System.Net.Sockets;

namespace InvFusion.Distributed;

/// <summary>
/// Ends the job when a rank has died. A rank that waits in an exchange learns nothing of it, and not every launcher ends the others; but the system closes
/// the connections of a dead process at once, and those of a dead host after some seconds. Each rank holds one to rank 0.
/// </summary>
/// <remarks>Where a host lets no connection through, its ranks go unwatched and the launcher's own ways remain.</remarks>
internal sealed class DeathWatch : IDisposable
{
    private const byte Leaves = 0; // any other byte is the exit code that the sender ends with
    private const int Microseconds = 200_000;
    private readonly ICollective _ranks;
    private readonly Action<string>? _report;
    private readonly List<Peer> _peers;
    private readonly Thread _thread;
    private volatile bool _leaving;

    private sealed record Peer(int Rank, Socket Socket);

    /// <summary>Connects the ranks; all of them call it.</summary>
    /// <param name="ranks">The ranks.</param>
    /// <param name="report">Told, on one rank, who has died, just before the job ends.</param>
    public DeathWatch(ICollective ranks, Action<string>? report)
    {
        (_ranks, _report) = (ranks, report);
        _peers = [.. RankConnections.Open(ranks).Select(c => new Peer(c.Rank, c.Socket))];
        _thread = new(Watch) { IsBackground = true, Name = "ranks" };
        _thread.Start();
    }

    /// <summary>Lets the others know that this rank ends them all with a code, so that they do not take it for dead.</summary>
    public void Tell(int code) => Send((byte)Math.Clamp(code, 1, 255));

    /// <summary>Leaves in order.</summary>
    public void Dispose()
    {
        _leaving = true;
        Send(Leaves);
        _thread.Join();
        foreach (var peer in _peers)
            peer.Socket.Dispose();
    }

    private void Watch()
    {
        var watched = _peers.ToDictionary(p => p.Socket);
        while (watched.Count > 0 && !_leaving)
        {
            var ready = watched.Keys.ToList();
            Socket.Select(ready, null, null, Microseconds);
            foreach (var socket in ready)
            {
                var peer = watched[socket];
                switch (Receive(socket))
                {
                    case Leaves:
                        watched.Remove(socket);
                        break;
                    case int code:
                        End(code);
                        return;
                    case null when _leaving:
                        return;
                    case null:
                        Died(peer.Rank);
                        return;
                }
            }
        }
    }

    private void Died(int rank)
    {
        // All see the end of rank 0; one of them says so.
        if (_ranks.Rank <= 1)
            _report?.Invoke($"rank {rank} of {_ranks.Size} has died; the others end too");
        End(code: 1);
    }

    private void End(int code)
    {
        Tell(code);
        _ranks.Abort(code);
    }

    private static int? Receive(Socket socket)
    {
        try
        {
            Span<byte> message = stackalloc byte[1];
            return socket.Receive(message) == 1 ? message[0] : null;
        }
        catch (SocketException)
        {
            return null;
        }
    }

    private void Send(byte message)
    {
        foreach (var peer in _peers)
        {
            try
            {
                peer.Socket.Send([message]);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // Gone already.
            }
        }
    }
}
