// An intrusive doubly linked list: a node unlinks itself in constant time, knows whether it is linked, and leaves its
// list when it dies. No allocation. One core.
#pragma once

#include <cassert>

namespace tl::rt {

template <class T>
class List;

// A node says whose list it is in: `class Timer : public ListNode<Timer>`. One object may be in lists of several kinds.
template <class T>
class ListNode {
  public:
    ListNode() = default;
    ListNode(const ListNode&) = delete;
    ListNode& operator=(const ListNode&) = delete;
    ~ListNode() { unlink(); }

    [[nodiscard]] bool linked() const { return next_ != nullptr; }
    void unlink() {
        if (next_ == nullptr) return;
        previous_->next_ = next_;
        next_->previous_ = previous_;
        next_ = previous_ = nullptr;
    }

  private:
    friend class List<T>;
    ListNode* next_ = nullptr;
    ListNode* previous_ = nullptr;
};

// T derives from ListNode<T>. The list does not own its nodes; those left when it dies are unlinked.
template <class T>
class List {
    using Node = ListNode<T>;

  public:
    List() { head_.next_ = head_.previous_ = &head_; }
    ~List() {
        while (pop_front() != nullptr) {
        }
        head_.next_ = head_.previous_ = nullptr;
    }
    List(const List&) = delete;
    List& operator=(const List&) = delete;

    [[nodiscard]] bool empty() const { return head_.next_ == &head_; }
    void push_back(T& item) {
        Node& node = item;
        assert(!node.linked());
        node.previous_ = head_.previous_;
        node.next_ = &head_;
        head_.previous_->next_ = &node;
        head_.previous_ = &node;
    }
    void push_front(T& item) {
        Node& node = item;
        assert(!node.linked());
        node.next_ = head_.next_;
        node.previous_ = &head_;
        head_.next_->previous_ = &node;
        head_.next_ = &node;
    }
    [[nodiscard]] T* front() { return empty() ? nullptr : static_cast<T*>(head_.next_); }
    T* pop_front() {
        if (empty()) return nullptr;
        T* item = static_cast<T*>(head_.next_);
        static_cast<Node*>(item)->unlink();
        return item;
    }
    // Takes all nodes of `other` to the end of this list.
    void splice_back(List& other) {
        if (other.empty()) return;
        Node* first = other.head_.next_;
        Node* last = other.head_.previous_;
        other.head_.next_ = other.head_.previous_ = &other.head_;
        first->previous_ = head_.previous_;
        head_.previous_->next_ = first;
        last->next_ = &head_;
        head_.previous_ = last;
    }
    // `visit` must not unlink other nodes than the one that it is given.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (Node* node = head_.next_; node != &head_;) {
            Node* next = node->next_;
            visit(*static_cast<T*>(node));
            node = next;
        }
    }

  private:
    mutable Node head_;
};

}  // namespace tl::rt
