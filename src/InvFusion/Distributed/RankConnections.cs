using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace InvFusion.Distributed;

/// <summary>Connections between rank 0 and each other rank, agreed on through the ranks' own exchange.</summary>
internal static class RankConnections
{
    private const int TokenBytes = 16;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>All of the others on rank 0, rank 0 on the others; without those that no way leads to. All ranks call it.</summary>
    public static List<(int Rank, Socket Socket)> Open(ICollective ranks)
    {
        using var listener = ranks.IsFirst() ? Listen(ranks) : null;
        var token = RandomNumberGenerator.GetBytes(TokenBytes);
        ranks.Broadcast(token);
        var invitation = ranks.Text(() => Invitation(ranks, listener!));
        var socket = ranks.IsFirst() ? null : Connect(invitation, [.. token, .. BigEndian(ranks.Rank)]);
        // A connection is complete before it is accepted: now rank 0 knows how many wait.
        Span<double> waiting = [socket is null ? 0 : 1];
        ranks.Reduce(waiting, Reduction.Sum);
        if (listener is not null)
            return Accept(listener, token, (int)waiting[0]);
        return socket is null ? [] : [(0, socket)];
    }

    private static Socket Listen(ICollective ranks)
    {
        var address = ranks.LocalSize == ranks.Size ? IPAddress.Loopback : IPAddress.Any; // one host needs no open door
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(address, 0));
        listener.Listen(ranks.Size);
        return listener;
    }

    // Port and addresses: "41234 127.0.0.1".
    private static string Invitation(ICollective ranks, Socket listener)
    {
        var port = ((IPEndPoint)listener.LocalEndPoint!).Port.ToString(CultureInfo.InvariantCulture);
        var addresses =
            ranks.LocalSize == ranks.Size
                ? [IPAddress.Loopback]
                : NetworkInterface
                    .GetAllNetworkInterfaces()
                    .Where(i => i.OperationalStatus == OperationalStatus.Up && i.NetworkInterfaceType != NetworkInterfaceType.Loopback)
                    .SelectMany(i => i.GetIPProperties().UnicastAddresses.Select(a => a.Address))
                    .Where(a => a.AddressFamily == AddressFamily.InterNetwork);
        return string.Join(' ', [port, .. addresses.Select(a => a.ToString())]);
    }

    private static Socket? Connect(string invitation, byte[] greeting)
    {
        var words = invitation.Split(' ');
        var port = int.Parse(words[0], CultureInfo.InvariantCulture);
        foreach (var address in words[1..].Select(IPAddress.Parse))
        {
            var socket = New();
            try
            {
                using var patience = new CancellationTokenSource(Patience);
                socket.ConnectAsync(address, port, patience.Token).AsTask().GetAwaiter().GetResult();
                socket.Send(greeting);
                return socket;
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                socket.Dispose(); // the next address
            }
        }
        return null;
    }

    private static List<(int Rank, Socket Socket)> Accept(Socket listener, byte[] token, int count)
    {
        var peers = new List<(int, Socket)>();
        var clock = Stopwatch.StartNew();
        while (peers.Count < count && clock.Elapsed < Patience)
        {
            if (!listener.Poll(Patience, SelectMode.SelectRead))
                break;
            var socket = listener.Accept();
            if (Greeting(socket, token) is { } rank)
            {
                KeepAlive(socket);
                peers.Add((rank, socket));
            }
            else
                socket.Dispose(); // a stranger
        }
        return peers;
    }

    private static int? Greeting(Socket socket, byte[] token)
    {
        var greeting = new byte[TokenBytes + sizeof(int)];
        socket.ReceiveTimeout = (int)Patience.TotalMilliseconds;
        try
        {
            for (var got = 0; got < greeting.Length; )
            {
                var count = socket.Receive(greeting.AsSpan(got));
                if (count == 0)
                    return null;
                got += count;
            }
        }
        catch (SocketException)
        {
            return null;
        }
        return CryptographicOperations.FixedTimeEquals(greeting.AsSpan(0, TokenBytes), token)
            ? BinaryPrimitives.ReadInt32BigEndian(greeting.AsSpan(TokenBytes))
            : null;
    }

    private static Socket New()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        KeepAlive(socket);
        return socket;
    }

    // A host that is gone closes nothing: it is asked after 3 s and every 2 s, and given up after the third question.
    private static void KeepAlive(Socket socket)
    {
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 3);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 2);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 3);
    }

    private static byte[] BigEndian(int value)
    {
        var bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }
}
